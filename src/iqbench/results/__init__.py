"""What a run stores and how it is read back: schema, store, reader, verification, typed summaries."""
