"""Did anything get worse? Today's numbers against `baselines/`, which are committed and changed with a reason."""
