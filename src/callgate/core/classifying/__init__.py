"""Rules that read a tool's definition: words of its name, arguments, hints of the vendor, words of its description."""
