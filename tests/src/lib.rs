//! What the suites share. Run them through `tests/run`.
