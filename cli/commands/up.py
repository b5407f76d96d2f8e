"""`up`: start what does not run, and say where everything is."""

import argparse
import time
from collections.abc import Sequence

from cli.credentials import complete_env_file
from cli.progress import Progress
from cli.settings import StackSettings, read_settings
from cli.stacks.compose import check_engine, start_compose
from cli.stacks.local import start_stack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the services to start."""
    parser.add_argument("services", nargs="*", help="start only these, and what they need (default: all)")


def prepare_settings() -> StackSettings:
    """Return the settings of either stack; the settings file is made, or given what it lacks."""
    settings = read_settings()
    if settings.is_compose:
        check_engine()  # before anything is written for it
    complete_env_file(settings.env_file, settings["STACK"])
    return read_settings()


def describe(settings: StackSettings) -> str:
    """Say who and where, without any secret."""
    told = f"""\
  Airflow  {settings.airflow_url}
           user {settings["AIRFLOW_ADMIN_USERNAME"]}, password: AIRFLOW_ADMIN_PASSWORD in {settings.env_file}
  MLflow   {settings["MLFLOW_PUBLIC_URL"] or settings.mlflow_url}
  S3       {settings.storage_url}, region {settings["OBJECT_STORAGE_REGION"]}; drop files into the bucket {settings["ML_PIPELINE_DROP_BUCKET"]}
           key for that: OBJECT_STORAGE_DROP_ACCESS_KEY and OBJECT_STORAGE_DROP_SECRET_KEY in the same file"""
    if settings.is_compose and settings.has_own_storage:
        told += f"\n           in a browser: http://{settings.find_host('OBJECT_STORAGE')}:{settings['OBJECT_STORAGE_CONSOLE_PORT']}"
    return told


def start(settings: StackSettings, services: Sequence[str] = ()) -> bool:
    """Start what does not run of either stack; return whether anything may be new."""
    if settings.is_compose:
        start_compose(settings, services)
        return True
    with Progress() as progress:
        return bool(start_stack(settings, progress, services))


def run(arguments: argparse.Namespace) -> int:
    """Start the stack; 0 when all of it is healthy."""
    began = time.monotonic()
    settings = prepare_settings()
    is_new = start(settings, arguments.services)
    took = time.monotonic() - began
    print(f"Everything is up ({took:.1f} s).\n" if is_new else "Everything was up already.\n")
    if not arguments.services:
        print(describe(settings))
    return 0
