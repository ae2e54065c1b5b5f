"""The face committee's constants, written by bench/faces.py: measured, not chosen; see there for data and method."""

DATE = "2026-11-23"
# Logistic regression on the two detectors' log odds.
YUNET_WEIGHT = 0.92
CENTERFACE_WEIGHT = 0.62
OFFSET = 0.68
# A face is acted on, or reviewed, from this probability on.
ACT = 0.5
REVIEW = 0.2
