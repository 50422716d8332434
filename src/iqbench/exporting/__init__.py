"""Export: the photos of a benchmark and all their variants as files, for programs in any language."""
