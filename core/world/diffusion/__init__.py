"""The text-to-image model of the captioned world, as a `StableDiffusionPipeline`, and its recipe.

Methods that work on a text-to-image model share it. It is an ordinary checkpoint: public code loads it unchanged,
and every full-tier checkpoint of the same class goes through the same code here. To use one: `borrowing.lent` in a
job, `parts.Parts` to ask its networks, `sampling.denoise` to draw, `objective.errors` to learn.
"""
