"""What a person reads: exports, takeaways, tables and plots, all made from the store alone."""
