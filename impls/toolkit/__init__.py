"""What adapters share: layers, arguments, arrays of other libraries, and what more than one library gets wrong."""
