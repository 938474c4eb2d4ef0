"""Tables: `judge` turns measurements into cells, once; `layout` and `writers` show cells, and judge nothing."""
