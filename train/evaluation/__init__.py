"""What `train/evaluate.py` joins: held-out rows, likelihoods, scores of text, document and picture, intervals and the report.

`metrics` says what a metric is (statistics of each page, added up to a corpus score); `text_`, `html_` and `visual_metrics` are those there
are, `scores` takes them of an answer, `bootstrap` of a resample.
"""
