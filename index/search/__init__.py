"""Search over the evidence of many videos."""
