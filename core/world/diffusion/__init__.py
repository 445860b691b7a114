"""The text-to-image model of the captioned world, as a `StableDiffusionPipeline`, and its recipe.

Imagic and Conceptor share it. It is an ordinary checkpoint: public code loads it unchanged, and every
full-tier checkpoint of the same class goes through the same code here.
"""
