#!/bin/sh
# Builds the MinIO server from source into a folder: minio/build.sh <folder>
# MinIO is given out as source only, and the Go module is the official way to get it. This is the last commit of its main
# line, and the newest that Go's public module mirror gives; see runbooks/minio.md.
set -eu

version=v0.0.0-20260212201848-7aac2a2c5b7c
commit=${version##*-}
time=2026-02-12T20:18:48Z

names=github.com/minio/minio/cmd
flags="-s -w"
flags="$flags -X $names.Version=$time"
flags="$flags -X $names.ReleaseTag=DEVELOPMENT.2026-02-12T20-18-48Z"
flags="$flags -X $names.CommitID=$commit -X $names.ShortCommitID=$commit"
flags="$flags -X $names.CopyrightYear=2026"

mkdir -p "$1"
folder=$(cd "$1" && pwd)
# GOTOOLCHAIN: another Go is never fetched; an old one says so.
CGO_ENABLED=0 GOTOOLCHAIN=local GOBIN="$folder" go install -v -trimpath -ldflags "$flags" "github.com/minio/minio@$version"
