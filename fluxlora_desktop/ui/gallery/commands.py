"""What can be done with the chosen pictures: one set of actions for keys, menus and buttons."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QMimeData, QObject, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence, QPixmap
from PySide6.QtWidgets import QMenu, QWidget

from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.gallery import GalleryDesk
from fluxlora_desktop.ui.desks.pictures import PictureDesk
from fluxlora_desktop.ui.gallery.again import offered_again, price_again
from fluxlora_desktop.ui.gallery.dialogs import ChooseFolder, ChooseTarget, ask_delete_for_good
from fluxlora_desktop.ui.gallery.sharing import Sharing, done_of
from fluxlora_desktop.ui.gallery.tags import TagEditing
from fluxlora_desktop.ui.gallery.words import LOST, ON_ITS_WAY, RATING_WORDS
from fluxlora_desktop.ui.icons import icon
from fluxlora_desktop.ui.shortcuts import Group, describe
from fluxlora_desktop.ui.wording import plural

Pictures = tuple[Picture, ...]
_Ids = Callable[[], tuple[str, ...]]


class PictureCommands(QObject):
    """Holds the actions of one place (the grid, the viewer) and the pictures they are about.

    `reuse_requested(Picture)`, `again_requested(Picture)`, `vary_requested(Picture)`,
    `grid_requested(Picture)`, `lineage_requested(Picture)`, `card_requested(tuple of Picture)`,
    `reveal_requested(Path)`. Keys work while the place or a part of it
    has the focus; `rating_keys` is what comes before a digit where digits mean something else.
    """

    reuse_requested = Signal(object)
    again_requested = Signal(object)
    vary_requested = Signal(object)
    grid_requested = Signal(object)
    lineage_requested = Signal(object)
    card_requested = Signal(object)
    reveal_requested = Signal(object)

    def __init__(
        self,
        place: QWidget,
        *,
        pictures: PictureDesk,
        gallery: GalleryDesk,
        jobs: JobRunner,
        choose_target: ChooseTarget,
        choose_folder: ChooseFolder,
        rating_keys: str = "",
    ) -> None:
        super().__init__(place)
        self._place, self._pictures, self._gallery = place, pictures, gallery
        self._sharing = Sharing(
            place,
            pictures=pictures,
            gallery=gallery,
            jobs=jobs,
            choose_target=choose_target,
            choose_folder=choose_folder,
        )
        self._tagging = TagEditing(place, gallery)
        self.chosen: Pictures = ()
        self._ids: _Ids = tuple
        self._make_actions()
        self._make_marks(rating_keys)
        self.show(())

    def _make_actions(self) -> None:
        make, share = Group.MAKE, Group.SHARE
        self.reuse = self._action("Reuse settings", "refresh", "R", self._on_reuse, make)
        self.vary = self._action("Vary the seed", "add", "V", self._on_vary, make)
        self.grid = self._action("Make a grid of it…", "grid", "G", self._on_grid, make)
        self.lineage = self._action("How it came to be…", "runs", "W", self._on_lineage, make)
        self.card = self._action("Show on the LoRA's card…", "globe", "", self._on_card, share)
        self.again = self._action("Make it again", "refresh", "", self._on_again, make)
        self.copy = self._action("Copy", "copy", "Ctrl+C", self._on_copy, share)
        describe(self.copy, "Copy the picture with its settings, or several files")
        self.copy_prompt = self._action(
            "Copy the prompt", "copy", "Ctrl+Shift+C", self._on_copy_prompt, share
        )
        self.copy_settings = self._action(
            "Copy the settings as text", "copy", "", self._on_copy_settings, share
        )
        self.copy_clean = self._action(
            "Copy without metadata", "copy", "Ctrl+Alt+C", self._on_copy_clean, share
        )
        self.save = self._action("Save as…", "save", "Ctrl+S", self._on_save, share)
        self.save_clean = self._action(
            "Save without metadata…", "download", "Ctrl+Shift+S", self._on_save_clean, share
        )
        self.drag_clean = self._action(
            "Drag out without metadata", "eye", "Ctrl+Shift+D", None, share
        )
        self.drag_clean.setCheckable(True)
        self.save_elsewhere = self._action(
            "Save elsewhere…", "save", "", self._on_save_elsewhere, share
        )
        self.show_file = self._action("Show the file", "folder", "", self._on_show_file, share)
        self.trash = self._action("Move to trash", "trash", "Del", self._on_trash, Group.TRASH)
        self.restore = self._action("Restore", "undo", "U", self._on_restore, Group.TRASH)
        self.purge = self._action(
            "Delete for good…", "trash", "Shift+Del", self._on_purge, Group.TRASH
        )
        self.stop = self._action("Stop this order", "stop", "", self._on_stop, Group.MAKE)

    def _make_marks(self, before: str) -> None:
        marks = Group.MARK
        ratings = Group.LARGE if before else marks
        self.favourite = self._action("Star", "star", "F", self._on_favourite, marks)
        describe(self.favourite, "Star, or take the star off")
        self.rates = tuple(
            self._action(words, "", f"{before}{rating}", partial(self._on_rate, rating), ratings)
            for rating, words in enumerate(RATING_WORDS)
        )
        for action in self.rates:
            describe(action, "Rate from 1 to 5; 0 takes the rating off")
        self.tag = self._action("Tags…", "tag", "T", self._on_tag, marks)

    def _action(
        self, text: str, symbol: str, keys: str, slot: Callable[[], None] | None, group: Group
    ) -> QAction:
        made = QAction(icon(symbol), text, self) if symbol else QAction(text, self)
        made.setProperty("symbol", symbol)
        describe(made, text.rstrip("…"), group)
        if keys:
            made.setShortcut(QKeySequence(keys))
            made.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        if slot is not None:
            made.triggered.connect(lambda: slot())  # noqa: PLW0108 - drops Qt's `checked`
        self._place.addAction(made)
        return made

    def show(self, chosen: Pictures, ids: _Ids | None = None) -> None:
        """Be about these pictures from now on.

        `ids` gives those of everything that is selected, where that is more than was read.
        """
        self.chosen = chosen
        self._ids = ids or (lambda: tuple(picture.id for picture in chosen))
        one = chosen[0] if len(chosen) == 1 else None
        done, trashed = done_of(chosen), any(p.trashed_at is not None for p in chosen)
        self._show_making(one, trashed)
        for action in (self.copy, self.copy_prompt, self.copy_settings):
            action.setEnabled(bool(chosen))
        for action in (self.save, self.save_clean, self.copy_clean, self.show_file):
            action.setEnabled(bool(done))
        self.drag_clean.setVisible(not trashed)
        for action in (self.favourite, self.tag, *self.rates):
            action.setEnabled(bool(chosen) and not trashed)
            action.setVisible(not trashed)
        self._show_marks()
        for action in (self.restore, self.purge):
            action.setVisible(trashed)
            action.setEnabled(trashed)
        self.trash.setVisible(not trashed)
        self.trash.setEnabled(not trashed and any(p.state not in ON_ITS_WAY for p in chosen))
        self.stop.setVisible(any(picture.state in ON_ITS_WAY for picture in chosen))
        noun = "" if len(chosen) < 2 else f" ({plural(len(chosen), 'picture')})"
        self.trash.setText(f"Move to trash{noun}")
        self.restore.setText(f"Restore{noun}")

    def _show_making(self, one: Picture | None, trashed: bool) -> None:
        here = one is not None and not trashed
        price = price_again(one, self._pictures) if one is not None else ""
        self.vary.setText(f"Vary the seed, {price}" if price else "Vary the seed")
        self.vary.setEnabled(one is not None and here and offered_again(one, self._pictures))
        self.vary.setVisible(here)
        self.reuse.setEnabled(one is not None)
        self.reuse.setVisible(len(self.chosen) < 2)
        self.grid.setEnabled(here)
        self.lineage.setEnabled(one is not None)
        self.card.setVisible(not trashed and any(p.loras for p in done_of(self.chosen)))
        self.again.setVisible(one is not None and here and one.state in LOST)
        unsaved = one is not None and self._pictures.spilled(one) is not None
        self.save_elsewhere.setVisible(unsaved)

    def _show_marks(self) -> None:
        starred = bool(self.chosen) and all(picture.favourite for picture in self.chosen)
        self.favourite.setText("Take the star off" if starred else "Star")
        self._set_symbol(self.favourite, "star-filled" if starred else "star")
        ratings = {picture.rating for picture in self.chosen}
        for rating, action in enumerate(self.rates):
            action.setCheckable(True)
            action.setChecked(ratings == {rating})

    def _set_symbol(self, action: QAction, symbol: str) -> None:
        if action.property("symbol") != symbol:
            action.setProperty("symbol", symbol)
            action.setIcon(icon(symbol))

    def on_theme_changed(self) -> None:
        """Draw the icons of the menu again."""
        for action in self._place.actions():
            if action.property("symbol"):
                action.setIcon(icon(action.property("symbol")))

    def menu(self, parent: QWidget) -> QMenu:
        """Return a menu of everything that can be done; it goes when it is closed."""
        made = QMenu(parent)
        made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        made.addActions([self.again, self.reuse, self.vary, self.grid, self.lineage])
        made.addSeparator()
        made.addActions([self.favourite, self.tag])
        rating = made.addMenu("Rate")
        rating.addActions(self.rates)
        rating.setEnabled(self.rates[0].isEnabled())
        made.addSeparator()
        made.addActions([self.copy, self.copy_prompt, self.copy_settings])
        made.addActions([self.save_elsewhere, self.save, self.show_file, self.card])
        made.addSection("Share clean")
        made.addActions([self.copy_clean, self.save_clean, self.drag_clean])
        made.addSeparator()
        made.addActions([self.stop, self.restore, self.trash, self.purge])
        return made

    def mime(self) -> QMimeData | None:
        """Return the chosen files for another app, None when none of them is made yet."""
        return self._sharing.mime(done_of(self.chosen))

    def drag(self, cover: QPixmap | None) -> None:
        """Let the chosen pictures be pulled into another app, under a small picture."""
        self._sharing.drag(self.chosen, cover, clean=self.drag_clean.isChecked())

    @Slot()
    def _on_reuse(self) -> None:
        self.reuse_requested.emit(self.chosen[0])

    @Slot()
    def _on_vary(self) -> None:
        self.vary_requested.emit(self.chosen[0])

    @Slot()
    def _on_grid(self) -> None:
        self.grid_requested.emit(self.chosen[0])

    @Slot()
    def _on_lineage(self) -> None:
        self.lineage_requested.emit(self.chosen[0])

    @Slot()
    def _on_card(self) -> None:
        self.card_requested.emit(done_of(self.chosen))

    @Slot()
    def _on_again(self) -> None:
        self.again_requested.emit(self.chosen[0])

    @Slot()
    def _on_favourite(self) -> None:
        self._gallery.toggle_favourite(self._ids())

    def _on_rate(self, rating: int) -> None:
        self._show_marks()  # a click has toggled the action; the answer says what is so
        self._gallery.rate(self._ids(), rating)

    @Slot()
    def _on_tag(self) -> None:
        self._tagging.begin(self._ids())

    @Slot()
    def _on_copy(self) -> None:
        self._sharing.copy(self.chosen)

    @Slot()
    def _on_copy_prompt(self) -> None:
        self._sharing.copy_prompts(self.chosen)

    @Slot()
    def _on_copy_settings(self) -> None:
        self._sharing.copy_settings(self.chosen)

    @Slot()
    def _on_copy_clean(self) -> None:
        self._sharing.copy_clean(self.chosen)

    @Slot()
    def _on_save(self) -> None:
        self._sharing.save(self.chosen, clean=False)

    @Slot()
    def _on_save_clean(self) -> None:
        self._sharing.save(self.chosen, clean=True)

    @Slot()
    def _on_save_elsewhere(self) -> None:
        self._sharing.save_unsaved(self.chosen[0])

    @Slot()
    def _on_show_file(self) -> None:
        path = self._pictures.file(done_of(self.chosen)[0])
        if path is not None:
            self.reveal_requested.emit(path)

    @Slot()
    def _on_trash(self) -> None:
        busy = {picture.id for picture in self.chosen if picture.state in ON_ITS_WAY}
        self._gallery.delete([key for key in self._ids() if key not in busy])

    @Slot()
    def _on_restore(self) -> None:
        self._gallery.restore(self._ids())

    @Slot()
    def _on_purge(self) -> None:
        ids = self._ids()
        ask_delete_for_good(self._place, len(ids), partial(self._gallery.delete_for_good, ids))

    @Slot()
    def _on_stop(self) -> None:
        for order_id in {p.order_id for p in self.chosen if p.state in ON_ITS_WAY}:
            self._pictures.stop(order_id)
