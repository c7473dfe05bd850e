"""What the demo shop sells, and what it asks the merchant API for."""

from sandbox.shop.goods import GOODS, good_of, new_order_no


def test_order_numbers_say_what_was_bought() -> None:
    made = {new_order_no(good) for good in GOODS.values() for _ in range(20)}
    assert len(made) == 80
    assert {good.code for one in made if (good := good_of(one))} == set(GOODS)
    assert good_of("order1") is None
