"""What a visitor does with each widget, and what has to be seen of it: one function for each of
`occlib.widgets`.

Each gets the page and the output of the cell that calls the widget.
"""

from __future__ import annotations

import numpy as np
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import changing, pixels


def slide(page: Page, output: Locator, name: str, key: str = "ArrowRight") -> None:
    """A key on the slider of that name changes the picture."""
    slider = output.get_by_role("slider", name=name, exact=True)
    with changing(page, lambda: pixels(output.get_by_role("img"))):
        slider.focus()
        expect(slider).to_be_focused()
        page.keyboard.press(key)


def drag(page: Page, seen: Locator, *points: tuple[float, float]) -> None:
    """Press the mouse's button on an element at the first of `points`, in shares of its size, and go to the
    others."""
    box = seen.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def turn(page: Page, output: Locator) -> None:
    """The mouse turns the 3-D view."""
    view = output.locator("canvas").first
    with changing(page, lambda: pixels(view)):
        drag(page, view, (0.5, 0.5), (0.8, 0.5))


def gallery(page: Page, output: Locator) -> None:
    with changing(page, lambda: pixels(output.get_by_role("img"))):
        output.get_by_role("button", name="next").press("Enter")
    expect(output.get_by_role("spinbutton", name="number")).to_have_value("1")
    with changing(page, lambda: pixels(output.get_by_role("img"))):
        output.get_by_role("combobox", name="occluder").select_option("scarf")
    expect(output.get_by_role("status")).to_contain_text("scarf hides")


def painter(page: Page, output: Locator) -> None:
    """Strokes of the mouse, then of keys alone, change the face mask, the second of the three pictures."""
    photo = output.get_by_role("application")
    found = output.locator(".found img")

    def mask() -> np.ndarray:
        return np.array_split(pixels(found), 3, axis=1)[1]

    expect(output.get_by_role("status")).to_contain_text("hidden")
    photo.scroll_into_view_if_needed()
    with changing(page, mask):
        drag(page, photo, (0.35, 0.4), (0.65, 0.4), (0.5, 0.3))
    with changing(page, mask):
        output.get_by_role("button", name="Clear").press("Enter")
    with changing(page, mask):
        photo.focus()
        for key in (" ", *["ArrowUp"] * 8, " "):
            page.keyboard.press(key)


def contour_editor(page: Page, output: Locator) -> None:
    """Other contours give another face."""
    canvas, face = output.get_by_role("application"), output.locator(".made img")
    with changing(page, lambda: pixels(face)), changing(page, lambda: pixels(canvas)):
        output.get_by_role("button", name="No contours").press("Enter")
    canvas.scroll_into_view_if_needed()
    with changing(page, lambda: pixels(face)):
        drag(page, canvas, (0.2, 0.45), (0.8, 0.5), (0.2, 0.6), (0.8, 0.7))
    with changing(page, lambda: pixels(face)):
        canvas.focus()
        page.keyboard.press("z")  # undoes


def turnable_face(page: Page, output: Locator) -> None:
    turn(page, output)
    with changing(page, lambda: pixels(output.locator("canvas").first)):
        output.get_by_role("slider", name="yaw").press("ArrowRight")


def morphable_explorer(page: Page, output: Locator) -> None:
    slide(page, output, "identity 1")
    slide(page, output, "expression 1")
    slide(page, output, "yaw")
    with changing(page, lambda: pixels(output.get_by_role("img"))):
        output.get_by_role("button", name="random person").press("Enter")
    with changing(page, lambda: pixels(output.locator("canvas").first)):
        output.get_by_role("button", name="to 3-D").press("Enter")
    turn(page, output)


def light_and_pose(page: Page, output: Locator) -> None:
    slide(page, output, "light to the right")
    slide(page, output, "yaw")


def replay(page: Page, output: Locator) -> None:
    slide(page, output, "step", "Home")  # to the first step
    with changing(page, lambda: pixels(output.get_by_role("img"))):
        output.get_by_role("button", name="Play").press("Space")
    output.get_by_role("button", name="Pause").press("Space")
    expect(output.get_by_role("button", name="Play")).to_be_focused()


def before_after(page: Page, output: Locator) -> None:
    pictures = output.locator(".pictures")
    with changing(page, lambda: pixels(pictures)):
        output.get_by_role("slider").press("Home")
    with changing(page, lambda: pixels(pictures)):
        drag(page, pictures, (0.3, 0.5), (0.7, 0.5))


def coverage_explorer(page: Page, output: Locator) -> None:
    slide(page, output, "hidden, %")
    expect(output.get_by_role("status")).to_contain_text("of the face is hidden")


INTERACTIONS = {
    act.__name__: act
    for act in (
        before_after, contour_editor, coverage_explorer, gallery, light_and_pose, morphable_explorer, painter,
        replay, turnable_face,
    )
}  # fmt: skip
