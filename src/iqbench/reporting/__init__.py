"""Reports: exports, takeaways, tables, plots and notebooks' data frames, rendered from typed results."""
