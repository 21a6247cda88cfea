"""Colours, type and spacing: the only place where a look is a number.

Fusion with two palettes of our own, since `setColorScheme` does nothing under some platforms, and
one style sheet made from the same tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

from fluxlora_desktop.system.places import resource

CAPTION, BODY, SECTION, TITLE = 12, 13, 15, 20
SPACE = (4, 8, 12, 16, 24, 32)
RADIUS, CARD_RADIUS, THUMB_RADIUS = 8, 10, 6
SIDEBAR_WIDTH = 184
INSPECTOR_WIDTH = 320
THUMB = 168


@dataclass(frozen=True, slots=True)
class Tokens:
    """The named colours of one scheme, as #RRGGBB."""

    window: str
    surface: str
    raised: str
    border: str
    control_border: str
    text: str
    muted: str
    accent: str
    accent_hover: str
    accent_text: str
    accent_soft: str
    on_accent: str
    ok: str
    warn: str
    danger: str
    ok_soft: str
    warn_soft: str
    danger_soft: str


LIGHT = Tokens(
    window="#F9F9F8",
    surface="#FFFFFF",
    raised="#F1F0EF",
    border="#DAD9D6",
    control_border="#8D8D86",
    text="#21201C",
    muted="#63635E",
    accent="#5B5BD6",
    accent_hover="#5151CD",
    accent_text="#5753C6",
    accent_soft="#F0F1FE",
    on_accent="#FFFFFF",
    ok="#197048",
    warn="#925600",
    danger="#CE2C31",
    ok_soft="#E6F6EB",
    warn_soft="#FFF7C2",
    danger_soft="#FEEBEC",
)
DARK = Tokens(
    window="#111113",
    surface="#18191B",
    raised="#212225",
    border="#363A3F",
    control_border="#6F757C",
    text="#EDEEF0",
    muted="#B0B4BA",
    accent="#625ED3",
    accent_hover="#6965DC",
    accent_text="#B1A9FF",
    accent_soft="#202248",
    on_accent="#FFFFFF",
    ok="#3DD68C",
    warn="#FFCA16",
    danger="#FF9592",
    ok_soft="#132D21",
    warn_soft="#302008",
    danger_soft="#3B1219",
)


class Scheme(StrEnum):
    """Which look was chosen."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Theme(QObject):
    """The look in force; `changed` when it becomes another one."""

    changed = Signal()

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self.scheme = Scheme.SYSTEM
        self.tokens = LIGHT
        app.styleHints().colorSchemeChanged.connect(self._on_system_change)

    def apply(self, scheme: Scheme) -> None:
        """Take a look into force, everywhere at once."""
        self.scheme = scheme
        self.tokens = DARK if self._dark() else LIGHT
        self._app.setStyle("Fusion")
        self._app.setPalette(palette_of(self.tokens))
        self._app.setStyleSheet(style_sheet(self.tokens))
        self.changed.emit()

    @property
    def dark(self) -> bool:
        """Tell whether the dark look is in force."""
        return self.tokens is DARK

    def _dark(self) -> bool:
        if self.scheme is Scheme.SYSTEM:
            return self._app.styleHints().colorScheme() is Qt.ColorScheme.Dark
        return self.scheme is Scheme.DARK

    def _on_system_change(self) -> None:
        if self.scheme is Scheme.SYSTEM and self._dark() != self.dark:
            self.apply(Scheme.SYSTEM)


def tokens() -> Tokens:
    """Return the tokens in force, read off the application's palette."""
    window = QApplication.palette().color(QPalette.ColorRole.Window)
    return DARK if window.lightness() < 128 else LIGHT


def color(name: str) -> QColor:
    """Return a token of the look in force as a colour."""
    return QColor(getattr(tokens(), name))


def font(size: int, *, strong: bool = False) -> QFont:
    """Return the system's font in one of the type sizes, in pixels at the base scale."""
    chosen = QFont(QApplication.font())
    chosen.setPixelSize(size)
    if strong:
        chosen.setWeight(QFont.Weight.DemiBold)
    return chosen


def palette_of(t: Tokens) -> QPalette:
    """Return Qt's palette for the tokens."""
    palette = QPalette()
    roles = QPalette.ColorRole
    pairs = {
        roles.Window: t.window,
        roles.WindowText: t.text,
        roles.Base: t.surface,
        roles.AlternateBase: t.raised,
        roles.Text: t.text,
        roles.Button: t.surface,
        roles.ButtonText: t.text,
        roles.BrightText: t.danger,
        roles.ToolTipBase: t.raised,
        roles.ToolTipText: t.text,
        roles.PlaceholderText: t.muted,
        roles.Highlight: t.accent,
        roles.HighlightedText: t.on_accent,
        roles.Link: t.accent_text,
        roles.LinkVisited: t.accent_text,
        roles.Mid: t.border,
        roles.Midlight: t.raised,
        roles.Dark: t.control_border,
        roles.Light: t.surface,
        roles.Accent: t.accent,
    }
    for role, value in pairs.items():
        palette.setColor(role, QColor(value))
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(t.control_border))
    return palette


def style_sheet(t: Tokens) -> str:
    """Return the application's one style sheet; widgets opt in by the property `role`."""
    down, up, check, minus = (
        resource("icons", f"small-{name}.svg").as_posix()
        for name in ("down", "up", "check", "minus")
    )
    return f"""
QWidget {{ font-size: {BODY}px; }}
QToolTip {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.border}; padding: 4px; }}
QMainWindow, QDialog {{ background: {t.window}; }}
QFrame[role="sidebar"] {{ background: {t.raised}; border: none;
  border-right: 1px solid {t.border}; }}
QFrame[role="card"] {{ background: {t.surface}; border: 1px solid {t.border};
  border-radius: {CARD_RADIUS}px; }}
QFrame[role="card"][dropping="true"] {{ border: 2px dashed {t.accent};
  background: {t.accent_soft}; }}
QFrame[role="choice"] {{ background: {t.surface}; border: 1px solid {t.border};
  border-radius: {CARD_RADIUS}px; padding: 1px; }}
QFrame[role="choice"]:hover {{ border-color: {t.control_border}; }}
QFrame[role="choice"][chosen="true"] {{ border: 2px solid {t.accent}; padding: 0;
  background: {t.accent_soft}; }}
QFrame[role="choice"]:focus {{ border: 2px solid {t.accent}; padding: 0; }}
QFrame[role="side"] {{ background: {t.surface}; border: 1px solid {t.border};
  border-radius: {CARD_RADIUS}px; padding: 1px; }}
QFrame[role="side"][chosen="true"] {{ border: 2px solid {t.accent}; padding: 0; }}
QFrame[role="popup"] {{ background: {t.surface}; border: 1px solid {t.border}; }}
QFrame[role="line"] {{ background: {t.border}; border: none; max-height: 1px; min-height: 1px; }}
QFrame[role="notice"] {{ border-radius: {RADIUS}px; border: 1px solid {t.border};
  background: {t.raised}; }}
QFrame[role="notice"][tone="danger"] {{ background: {t.danger_soft}; border-color: {t.danger}; }}
QFrame[role="notice"][tone="warn"] {{ background: {t.warn_soft}; border-color: {t.warn}; }}
QFrame[role="notice"][tone="ok"] {{ background: {t.ok_soft}; border-color: {t.ok}; }}
QLabel {{ background: transparent; }}
QLabel[role="title"] {{ font-size: {TITLE}px; font-weight: 600; }}
QLabel[role="section"] {{ font-size: {SECTION}px; font-weight: 600; }}
QLabel[role="strong"] {{ font-weight: 600; }}
QLabel[role="muted"] {{ color: {t.muted}; }}
QLabel[role="caption"] {{ color: {t.muted}; font-size: {CAPTION}px; }}
QLabel[role="ok"] {{ color: {t.ok}; }}
QLabel[role="warn"] {{ color: {t.warn}; }}
QLabel[role="danger"] {{ color: {t.danger}; }}
QLabel[role="badge"] {{ background: {t.accent}; color: {t.on_accent}; border-radius: 8px;
  padding: 0px 6px; font-size: {CAPTION}px; font-weight: 600; }}
QLabel[role="pill"] {{ background: {t.raised}; color: {t.muted}; border-radius: 9px;
  padding: 1px 8px; font-size: {CAPTION}px; }}
QPushButton {{ background: {t.surface}; border: 1px solid {t.control_border};
  border-radius: {RADIUS}px; padding: 6px 14px; min-height: 20px; }}
QPushButton:hover {{ background: {t.raised}; }}
QPushButton:pressed {{ background: {t.border}; }}
QPushButton:disabled {{ color: {t.control_border}; border-color: {t.border}; }}
QPushButton:focus {{ border: 2px solid {t.accent}; padding: 5px 13px; }}
QPushButton[role="primary"] {{ background: {t.accent}; color: {t.on_accent};
  border: 1px solid {t.accent}; font-weight: 600; }}
QPushButton[role="primary"]:hover {{ background: {t.accent_hover}; }}
QPushButton[role="primary"]:focus {{ border: 2px solid {t.text}; }}
QPushButton[role="primary"]:disabled {{ background: {t.border}; border-color: {t.border};
  color: {t.muted}; }}
QPushButton[role="danger"] {{ color: {t.danger}; border-color: {t.danger}; }}
QPushButton[role="danger"]:disabled {{ color: {t.control_border}; border-color: {t.border}; }}
QPushButton[role="quiet"], QToolButton {{ background: transparent; border: 1px solid transparent;
  border-radius: {RADIUS}px; padding: 5px 9px; color: {t.text}; }}
QPushButton[role="chip"] {{ background: {t.accent_soft}; color: {t.accent_text};
  border: 1px solid transparent; border-radius: 11px; padding: 0 8px; min-height: 20px; }}
QPushButton[role="chip"]:hover {{ border-color: {t.accent_text}; }}
QPushButton[role="chip"]:focus {{ border: 2px solid {t.accent}; padding: 0 7px; }}
QPushButton[on="true"] {{ border-color: {t.accent}; color: {t.accent_text}; }}
QPushButton[role="link"] {{ background: transparent; border: 1px solid transparent;
  color: {t.accent_text}; padding: 2px 4px; text-align: left; }}
QPushButton[role="link"]:hover {{ text-decoration: underline; background: transparent; }}
QToolButton::menu-indicator {{ image: none; }}
QToolButton[role="digit"] {{ padding: 5px 0; border-radius: 4px; color: {t.muted}; }}
QPushButton[role="quiet"]:hover, QToolButton:hover {{ background: {t.raised}; }}
QPushButton[role="quiet"]:focus, QPushButton[role="link"]:focus, QToolButton:focus {{
  border: 2px solid {t.accent}; }}
QPushButton[role="link"]:focus {{ padding: 1px 3px; }}
QPushButton[role="quiet"]:checked, QToolButton:checked {{ background: {t.accent_soft};
  color: {t.accent_text}; }}
QPushButton[role="nav"] {{ background: transparent; border: 2px solid transparent;
  border-radius: {RADIUS}px; padding: 7px 10px; text-align: left; color: {t.text}; }}
QPushButton[role="nav"]:hover {{ background: {t.border}; }}
QPushButton[role="nav"]:checked {{ background: {t.accent_soft}; color: {t.accent_text};
  font-weight: 600; }}
QPushButton[role="nav"]:focus {{ border: 2px solid {t.accent}; }}
QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QDateEdit, QComboBox {{
  background: {t.surface}; color: {t.text}; border: 1px solid {t.control_border};
  border-radius: {RADIUS}px; padding: 5px 8px; selection-background-color: {t.accent};
  selection-color: {t.on_accent}; }}
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus,
QDateEdit:focus, QComboBox:focus {{ border: 2px solid {t.accent}; padding: 4px 7px; }}
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {{
  color: {t.muted}; background: {t.raised}; border-color: {t.border}; }}
QComboBox::drop-down, QDateEdit::drop-down {{ border: none; width: 22px; }}
QComboBox::down-arrow, QDateEdit::down-arrow {{ image: url("{down}"); width: 12px; height: 12px; }}
QSpinBox::up-button, QDoubleSpinBox::up-button {{ border: none; background: transparent;
  width: 20px; subcontrol-origin: border; subcontrol-position: top right; margin: 2px 2px 0 0; }}
QSpinBox::down-button, QDoubleSpinBox::down-button {{ border: none; background: transparent;
  width: 20px; subcontrol-origin: border; subcontrol-position: bottom right;
  margin: 0 2px 2px 0; }}
QSpinBox::up-button:hover, QSpinBox::down-button:hover, QDoubleSpinBox::up-button:hover,
QDoubleSpinBox::down-button:hover {{ background: {t.raised}; }}
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow {{ image: url("{up}"); width: 10px; height: 10px; }}
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow {{ image: url("{down}"); width: 10px;
  height: 10px; }}
QRadioButton::indicator {{ width: 14px; height: 14px; border: 1px solid {t.control_border};
  border-radius: 8px; background: {t.surface}; }}
QRadioButton::indicator:checked {{ border: 5px solid {t.accent}; width: 6px; height: 6px;
  background: {t.on_accent}; }}
QRadioButton:focus {{ color: {t.accent_text}; }}
QCheckBox, QRadioButton {{ spacing: 8px; }}
QCheckBox::indicator {{ width: 16px; height: 16px; border: 1px solid {t.control_border};
  border-radius: 4px; background: {t.surface}; }}
QCheckBox::indicator:checked {{ background: {t.accent}; border-color: {t.accent};
  image: url("{check}"); }}
QCheckBox::indicator:indeterminate {{ background: {t.accent}; border-color: {t.accent};
  image: url("{minus}"); }}
QCheckBox::indicator:focus {{ border: 2px solid {t.accent}; }}
QCheckBox:focus {{ color: {t.accent_text}; }}
QComboBox QAbstractItemView {{ background: {t.surface}; border: 1px solid {t.border};
  selection-background-color: {t.accent_soft}; selection-color: {t.text}; outline: none; }}
QAbstractItemView {{ background: transparent; border: none; outline: none; }}
QAbstractItemView:focus {{ border: none; }}
QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
QProgressBar {{ background: {t.border}; border: none; border-radius: 2px; max-height: 4px;
  min-height: 4px; }}
QProgressBar::chunk {{ background: {t.accent}; border-radius: 2px; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {t.control_border}; border-radius: 3px; margin: 2px;
  min-height: 32px; min-width: 32px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QMenu {{ background: {t.surface}; border: 1px solid {t.border}; padding: 4px; }}
QMenu::item {{ padding: 6px 24px 6px 12px; border-radius: 4px; }}
QMenu::item:selected {{ background: {t.accent_soft}; color: {t.text}; }}
QMenu::item:disabled {{ color: {t.control_border}; }}
QTableView::item {{ border: none; border-bottom: 1px solid {t.border}; padding: 0px 3px; }}
QTableView::item:selected {{ background: {t.accent_soft}; color: {t.text}; }}
QTableView::item:selected:active {{ border-bottom: 1px solid {t.accent}; }}
QHeaderView::section {{ background: transparent; color: {t.muted}; border: none;
  border-bottom: 1px solid {t.border}; padding: 6px; }}
QSplitter::handle {{ background: transparent; }}
"""
