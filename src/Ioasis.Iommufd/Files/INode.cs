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
