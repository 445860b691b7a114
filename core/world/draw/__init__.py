"""Drawing: one module per family of subjects, over a batch rasteriser in plain numpy."""
