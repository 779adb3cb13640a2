"""What goes wrong in a lab, in sentences for whoever runs it."""


class LabError(Exception):
    """A lab, a host or a fault cannot be as asked; the sentence says why and what to do."""
