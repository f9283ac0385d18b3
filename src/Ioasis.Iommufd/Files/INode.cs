namespace Ioasis.Iommufd.Files;

/// <summary>A character device that we serve.</summary>
public interface INode
{
    /// <summary>Its path, <c>/dev/iommu</c>.</summary>
    string Path { get; }

    /// <summary>Its major device number, as its <c>dev</c> attribute has it.</summary>
    uint Major { get; }

    /// <summary>Its minor device number.</summary>
    uint Minor { get; }

    /// <summary>Its permission bits, 0600 or 0666 in octal.</summary>
    uint Mode { get; }

    /// <summary>
    /// What only one file at a time can have, of this node or another: an open waits until a file of the same that is
    /// being closed is closed.
    /// </summary>
    object Exclusion => this;

    /// <summary>Opens it: the answer is the open file, or an error.</summary>
    /// <param name="carrier">The memory behind the new file.</param>
    /// <param name="file">The open file, when the answer is <see cref="Abi.Errno.None"/>.</param>
    Abi.Errno Open(ICarrier carrier, out NodeFile? file);
}
