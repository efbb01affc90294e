"""What the package raises on purpose; everything else that escapes is a bug."""


class IdentifiabilityError(Exception):
    """Base of the package's own errors: one sentence, written for the person who reads it."""


class InvalidInput(IdentifiabilityError, ValueError):
    """Something given from outside cannot be used.

    The message says what was expected, what came and how to mend it, for example
    ``jacobian must be (m, d), got (8,); stack prompts first``. The command line prints it and
    exits with status 2. A ValueError too, so that callers need not know this package to catch it.
    """
