"""Files that appear whole: atomic writes, checksums, downloads, archives, the cache folder."""
