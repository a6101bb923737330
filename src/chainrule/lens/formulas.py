"""What the lens computes, in LaTeX and in the symbols of its tables."""

__all__ = [
    "ARRIVING",
    "JACOBIAN",
    "LAWS",
    "OUTPUT_SIZE",
    "PATH",
    "REACH",
    "RECEPTIVE_FIELD",
    "STEP",
    "TERMS",
    "TRUNCATED",
    "WEIGHT",
    "of_convolution",
]

OUTPUT_SIZE = r"O = \left\lfloor \frac{H + p_l + p_r - d\,(K - 1) - 1}{s} \right\rfloor + 1"
RECEPTIVE_FIELD = r"r = 1 + \sum_{l} d_l\,(K_l - 1) \prod_{m<l} s_m"
LAWS = (
    r"(f * g)_n = \sum_{m} f_m\, g_{n-m}",
    r"f * g = g * f, \qquad (f * g)' = f * g' = f' * g, \qquad (T_a f) * g = T_a (f * g)",
)

STEP = r"h_t = f(x_t, h_{t-1}; W), \qquad L = \sum_{t} L_t"
ARRIVING = (
    r"\frac{dL}{dh_t} = \frac{\partial L_t}{\partial h_t} "
    r"+ \left( \frac{\partial h_{t+1}}{\partial h_t} \right)^{\top} \frac{dL}{dh_{t+1}}"
)
WEIGHT = r"\frac{dL}{dW} = \sum_{t} \left( \frac{\partial h_t}{\partial W} \right)^{\top} \frac{dL}{dh_t}"
TERMS = (
    r"\frac{dL}{dW} = \sum_{t} \sum_{i \le t} \left( \frac{\partial h_i}{\partial W} \right)^{\top} "
    r"\left( \prod_{j=i+1}^{t} \frac{\partial h_j}{\partial h_{j-1}} \right)^{\top} \frac{\partial L_t}{\partial h_t}"
)
TRUNCATED = r"\sum_{t} \sum_{i \le t} (\cdots) \;\to\; \sum_{t} \sum_{k \lfloor t/k \rfloor \le i \le t} (\cdots)"
JACOBIAN = r"J_j = \frac{\partial s_j}{\partial s_{j-1}}"
PATH = r"\frac{dL_t}{ds_i} = J_{i+1}^{\top} \cdots J_{t-1}^{\top}\, J_t^{\top}\, \frac{\partial L_t}{\partial s_t}"
REACH = (
    r"\left\| \frac{dL_t}{ds_i} \right\| "
    r"= \left\| J_{i+1}^{\top} \cdots J_t^{\top}\, \frac{\partial L_t}{\partial s_t} \right\|"
)

_OUTPUT = r"y_{o,j} = b_o + \sum_{c} \sum_{i} w_{o,c,i}\, x_{c,\,PLACE}"
_INPUT = (
    r"\frac{\partial L}{\partial x_{c,h}} "
    r"= \sum_{o} \sum_{PLACE = h} w_{o,c,i}\, \frac{\partial L}{\partial y_{o,j}}"
)
_KERNEL = (
    r"\frac{\partial L}{\partial w_{o,c,i}} "
    r"= \sum_{j} \frac{\partial L}{\partial y_{o,j}}\, x_{c,\,PLACE}"
)
_SUMS = {"y": _OUTPUT, "dx": _INPUT, "dw": _KERNEL}


def of_convolution(array: str, *, flip: bool = False) -> str:
    """What an entry of y, dx or dw is, with stride s, dilation d, padding p and, of a flipped kernel, its size K.

    >>> print(of_convolution("y"))
    y_{o,j} = b_o + \\sum_{c} \\sum_{i} w_{o,c,i}\\, x_{c,\\,s j + d i - p}
    """
    place = "s j + d\\,(K - 1 - i) - p" if flip else "s j + d i - p"
    return _SUMS[array].replace("PLACE", place)
