"""Claims of order: `judge` says of each whether it holds, once; `view` and `writers` show that, and judge nothing."""
