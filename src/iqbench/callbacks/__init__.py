"""What a training tells about itself while it runs, and how to read it afterwards."""
