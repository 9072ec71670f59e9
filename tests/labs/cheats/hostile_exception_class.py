"""An exception whose class lies about its name, its module and its bases.

Fails: failed: ValueError in line HERE, during a call
Never: secret
"""


class Meta(type):
    @property
    def __module__(cls):
        raise SystemError("secret")

    @property
    def __mro__(cls):
        raise SystemError("secret")

    def mro(cls):
        return [cls, *ValueError.mro()]


class secret(ValueError, metaclass=Meta):
    pass


def fares(kilometres, minutes, night):
    raise secret("secret")  # here
