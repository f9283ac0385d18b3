using Ioasis.Abi;
using Ioasis.Iommufd.Files;

namespace Ioasis.Machine.Nodes;

/// <summary>One path that we serve instead of the host's: what stands there.</summary>
public abstract record VirtualPath(string Path);

/// <summary>
/// A directory. Merged: what the host has there shows through (/sys/bus/pci/devices); else it is ours alone.
/// </summary>
public sealed record VirtualDirectory(string Path, bool Merged) : VirtualPath(Path);

/// <summary>A regular file of sysfs, its content made at each open. Mode as in st_mode's permission bits.</summary>
public sealed record VirtualFile(string Path, Func<byte[]> Content, uint Mode = 0x124 /* 0444 */) : VirtualPath(Path)
{
    /// <summary>
    /// What stat(2) says of its size: a page for a text, as sysfs has it, the true size for one of bytes.
    /// </summary>
    public long Size { get; init; } = 4096;

    /// <summary>Takes what a program writes, and says the errno of the write; null where that is not so.</summary>
    public AttributeStore? Store { get; init; }

    /// <summary>
    /// Bytes of the texts that <see cref="Store"/> takes; another size is EINVAL. Under <c>run</c> every write of such
    /// a size by any program is stopped. The filter is made once, when the program starts: an attribute that makes
    /// files has their sizes, too.
    /// </summary>
    public IReadOnlyList<uint> StoreSizes { get; init; } = s_number;

    /// <summary>
    /// The capabilities that a program needs beside the mode. Without one of them, opening the file for writing is
    /// EACCES, and so is a write by <see cref="Store"/>.
    /// </summary>
    public IReadOnlyList<int> StoreCapabilities { get; init; } = [];

    /// <summary>
    /// Whether <see cref="Store"/> also takes what <c>writev</c> writes. Under <c>run</c> every <c>writev</c> of few
    /// parts is stopped then. If false, a <c>writev</c> to the attribute is EINVAL.
    /// </summary>
    public bool StoresVectors { get; init; } = true;

    // A number: one byte less than programs write to an eventfd, which they do often.
    private static readonly uint[] s_number = [1, 2, 3, 4, 5, 6, 7];

    /// <summary>
    /// Takes what a program has written; null where nothing can be written this way. The write has returned by then,
    /// whatever comes of it: such a file costs programs nothing when they write to others. Called before the next call
    /// that is ours is served. It must not wait.
    /// </summary>
    public Action<ReadOnlyMemory<byte>>? Take { get; init; }

    /// <summary>
    /// The bytes of a file that is read and written at any place, such as <c>config</c>; null for a text. What is
    /// written is taken as with <see cref="Take"/>.
    /// </summary>
    public IVirtualBytes? Bytes { get; init; }

    /// <summary>
    /// Of a file of bytes, how many of them are read by a program without CAP_SYS_ADMIN that does not write.
    /// </summary>
    public int CountForEverybody { get; init; } = int.MaxValue;

    /// <summary>Whether it is a region of a device, which has nothing to read and to write.</summary>
    public bool IsRegion { get; init; }

    /// <summary>Whether programs can open it for writing, if its mode lets them.</summary>
    public bool IsWritable => Store is not null || Take is not null || Bytes is not null || IsRegion;
}

/// <summary>Bytes that programs read and write through a file, and that can be others than were written.</summary>
public interface IVirtualBytes
{
    /// <summary>The bytes as they are. It may wait for the device.</summary>
    byte[] Read();

    /// <summary>Takes what a program has written at a place; must not wait.</summary>
    /// <param name="position">Where.</param>
    /// <param name="bytes">What.</param>
    /// <param name="done">Called by another thread when it has taken effect.</param>
    void Write(int position, byte[] bytes, Action done);
}

/// <summary>Takes what a program wrote to an attribute with one call.</summary>
/// <param name="text">The bytes.</param>
/// <param name="answer">
/// Called once with the errno of the write, perhaps later: it stands for what the program waits for. Never called under
/// a lock that a node's file takes.
/// </param>
public delegate void AttributeStore(ReadOnlySpan<byte> text, Action<Errno> answer);

/// <summary>A symbolic link and its text.</summary>
public sealed record VirtualLink(string Path, string Target) : VirtualPath(Path);

/// <summary>A character device.</summary>
public sealed record VirtualDevice(INode Node) : VirtualPath(Node.Path);
