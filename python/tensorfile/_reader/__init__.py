"""The independent reader of spec/reader, copied here when the package is built."""
