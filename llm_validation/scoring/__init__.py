"""Scorers of behaviour, each used for a trait only after it has separated labelled opposites.

Text scorers (``EmbeddingProjection``, ``SequenceClassifier``) have ``score(texts) -> (n,)``;
``LogOdds`` scores the steered model by the opposite completions it finds likelier. Every one sees
completions and never the prompt: its words are the same in both arms, and would dominate a score.
"""
