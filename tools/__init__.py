"""Scripts of the checkout; the product never imports them."""
