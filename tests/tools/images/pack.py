#!/usr/bin/env python3
"""pack.py DOCKERFILE CONTEXT NAME OUT.tar

Packs the last stage of one of our Dockerfiles, without a container engine, as an OCI image layout tar that
`ctr images import`, `skopeo copy oci-archive:` and `podman load` take. The stage must be FROM scratch and hold only

    COPY --from=build /rootfs/FOLDER /      one layer, taken from CONTEXT/FOLDER (see stage.sh)
    USER, ENV, LABEL, WORKDIR, EXPOSE, ENTRYPOINT, CMD   the image's configuration

so that the image a test runs is the one that `docker build` makes of the same file. The tag is the digest of the
content; times, owners and order are fixed, so equal files make equal images. Prints NAME:TAG.
"""
import hashlib
import json
import os
import re
import shlex
import sys
import tarfile
import tempfile

LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def last_stage(path):
    """The instructions of the last stage as (NAME, rest) pairs; continuation lines joined, comments dropped."""
    text = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", open(path).read()))
    stage = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, _, rest = line.partition(" ")
        if name.upper() == "FROM":
            stage = []
        stage.append((name.upper(), rest.strip()))
    return stage


def pairs(rest):
    return [word.split("=", 1) for word in shlex.split(rest)]


def image_config(stage):
    """The OCI config object and the folders to copy, in order."""
    config, folders = {}, []
    for name, rest in stage:
        if name == "FROM":
            if rest.split()[0] != "scratch":
                sys.exit(f"pack.py: the last stage is FROM {rest}; only FROM scratch can be packed")
        elif name == "COPY":
            source = re.fullmatch(r"--from=build /rootfs/(\w+) /", rest)
            if not source:
                sys.exit(f"pack.py: cannot pack COPY {rest}; write COPY --from=build /rootfs/FOLDER /")
            folders.append(source[1])
        elif name == "ENV":
            config.setdefault("Env", []).extend("=".join(p) for p in pairs(rest))
        elif name == "LABEL":
            config.setdefault("Labels", {}).update(dict(pairs(rest)))
        elif name == "EXPOSE":
            config.setdefault("ExposedPorts", {}).update({p if "/" in p else p + "/tcp": {} for p in rest.split()})
        elif name in ("ENTRYPOINT", "CMD"):
            config[name.capitalize()] = json.loads(rest)
        elif name == "USER":
            config["User"] = rest
        elif name == "WORKDIR":
            config["WorkingDir"] = rest
        else:
            sys.exit(f"pack.py: instruction {name} in the last stage is not understood")
    return config, folders


def normalised(info):
    info.mtime, info.uid, info.gid, info.uname, info.gname = 0, 0, 0, "", ""
    if info.isfile():
        info.mode = 0o755 if info.mode & 0o100 else 0o644
    return info


def entries(folder):
    for parent, folders, files in os.walk(folder):
        folders.sort()
        names = sorted(files + [f for f in folders if os.path.islink(os.path.join(parent, f))])
        if parent != folder:
            yield parent
        for name in names:
            yield os.path.join(parent, name)


def write_layer(folder, blobs):
    """A plain tar of the folder in the blob directory; returns (digest, size)."""
    with tempfile.NamedTemporaryFile(dir=blobs, delete=False) as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for path in entries(folder):
                tar.add(path, os.path.relpath(path, folder), recursive=False, filter=normalised)
    with open(out.name, "rb") as f:
        digest = hashlib.file_digest(f, "sha256").hexdigest()
    size = os.path.getsize(out.name)
    os.rename(out.name, os.path.join(blobs, digest))
    return "sha256:" + digest, size


def write_json(value, blobs):
    data = json.dumps(value, sort_keys=True).encode()
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(blobs, digest), "wb") as f:
        f.write(data)
    return "sha256:" + digest, len(data)


def descriptor(media_type, digest_and_size, **more):
    return {"mediaType": media_type, "digest": digest_and_size[0], "size": digest_and_size[1], **more}


def write_layout(config, layers, name, blobs):
    platform = {"architecture": "amd64", "os": "linux"}
    image = write_json({**platform, "config": config,
                        "rootfs": {"type": "layers", "diff_ids": [layer[0] for layer in layers]}}, blobs)
    manifest = write_json({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, image),
                           "layers": [descriptor(LAYER, layer) for layer in layers]}, blobs)
    tag = image[0][7:23]
    # Both annotations: containerd takes the first as the whole name, skopeo and podman the second as the tag.
    annotations = {"io.containerd.image.name": f"{name}:{tag}", "org.opencontainers.image.ref.name": tag}
    index = {"schemaVersion": 2, "manifests": [descriptor(MANIFEST, manifest, platform=platform, annotations=annotations)]}
    return tag, index


def main():
    dockerfile, context, name, out = sys.argv[1:]
    config, folders = image_config(last_stage(dockerfile))
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(out)), prefix=".pack-") as work:
        blobs = os.path.join(work, "blobs/sha256")
        os.makedirs(blobs)
        layers = [write_layer(os.path.join(context, folder), blobs) for folder in folders]
        tag, index = write_layout(config, layers, name, blobs)
        for file, value in (("oci-layout", {"imageLayoutVersion": "1.0.0"}), ("index.json", index)):
            with open(os.path.join(work, file), "w") as f:
                json.dump(value, f)
        archive = os.path.join(work, "image.tar")
        with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
            for path in ("oci-layout", "index.json", "blobs"):
                tar.add(os.path.join(work, path), path, filter=normalised)
        os.rename(archive, out)
    print(f"{name}:{tag}")


if __name__ == "__main__":
    main()
