namespace Ioasis.Iommufd.Files;

/// <summary>A character device that we serve.</summary>
public interface INode
{
    /// <summary>Its path, such as <c>/dev/iommu</c>.</summary>
    string Path { get; }

    /// <summary>Its major device number, as in its <c>dev</c> attribute.</summary>
    uint Major { get; }

    /// <summary>Its minor device number.</summary>
    uint Minor { get; }

    /// <summary>Its permission bits, such as 0600 or 0666 in octal.</summary>
    uint Mode { get; }

    /// <summary>What /proc/devices calls the driver of its major number; null for none.</summary>
    string? Driver => null;

    /// <summary>What its open file is to a program, beside its ioctls.</summary>
    NodeContent Content => NodeContent.Memory;

    /// <summary>
    /// Bytes of each message that is written by write(2) or pwrite(2): <see cref="NodeFile.WriteMessage"/>. Under
    /// <c>run</c> every write of such a size by any program is stopped, so there should be few. A message of another
    /// size is EINVAL.
    /// </summary>
    IReadOnlyList<uint> MessageSizes => [];

    /// <summary>
    /// A resource that only one file can have at a time, of this node or another. While a file with the same resource
    /// is being closed, an open waits.
    /// </summary>
    object Exclusion => this;

    /// <summary>Opens the node.</summary>
    /// <param name="carrier">The memory behind the new file.</param>
    /// <param name="file">The open file, if the result is <see cref="Abi.Errno.None"/>.</param>
    Abi.Errno Open(ICarrier carrier, out NodeFile? file);
}
