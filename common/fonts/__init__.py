"""A font with Chinese characters for the pictures (see README.md here)."""

import os

FONT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "NotoSansSC-subset.otf")
