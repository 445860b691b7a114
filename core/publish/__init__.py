"""From a method, or the whole hub, to a Space: plan, build, check, push, report.

    chosen = plan.plan_for("trill", repo="anna/trill")
    export = build.build(chosen, Path("out/trill"))
    findings = check.check(export)

An exported tree runs by `python app.py` like the checkout, and can export itself again.
"""
