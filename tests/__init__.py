"""Tests, by layer: see the page on testing in the README."""
