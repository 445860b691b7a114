"""The captioned world: scenes, their pictures, their captions, edits with true answers.

    words, layout, scene      what there is, where it stands, one picture's truth
    recipes, curriculum       planted words; which part of the world a model learns
    sampling, planting        random scenes for each use
    language, parsing, truth  scenes to sentences and back, and whether a sentence is true
    stream                    captioned training examples
    render, draw/             scenes to pictures
    edit, asking, gallery     edits with answers and masks; random ones; the fixed benchmark
    sheet                     the contact sheet in docs/

Nothing here needs more than numpy, and Pillow where files are written.
"""
