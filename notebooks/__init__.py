"""The lessons, as percent-format scripts; installed as ``identifiability.lessons``.

The cell tagged ``parameters`` assigns the settings of a lesson, ``seed`` among them. Its metadata
``reduced`` names smaller ones, for a quick look (``identifiability notebooks --reduced``) and for
the tests; a lesson that is quick as it is has none. A cell that draws says in its metadata ``alt``
what the figure shows, for those who do not see it::

    # %% tags=["parameters"] reduced={"draws": 20}
    seed = 0
    draws = 400

    # %% alt="The error falls as one over the gap, and is free at gap 0."
    fig, ax = plt.subplots()
"""
