using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Devices;

/// <summary>
/// The attributes of sysfs that programs have open for writing. Like nodes they are carriers, by which a write is known
/// to be theirs.
/// </summary>
internal sealed class AttributeFiles
{
    private readonly WrittenBytes.Images _images = new();
    private int _open;

    /// <summary>Whether none is open: then no write can be ours.</summary>
    public bool IsEmpty => Volatile.Read(ref _open) == 0;

    /// <summary>What is opened when a program opens an attribute; null for a text that it only reads.</summary>
    /// <param name="attribute">The attribute.</param>
    /// <param name="forWriting">Whether it is opened for writing.</param>
    /// <param name="isAdmin">Whether the program has CAP_SYS_ADMIN; asked only where that matters.</param>
    public INode? NodeOf(VirtualFile attribute, bool forWriting, Func<bool> isAdmin) =>
        attribute.Bytes is not null ? new WrittenBytes(attribute, forWriting || attribute.CountForEverybody
            >= attribute.Size || isAdmin() ? attribute.Size : attribute.CountForEverybody, _images)
        : attribute.IsRegion ? new UnmappableRegion(attribute)
        : !forWriting ? null
        : attribute.Store is not null ? new Attribute(this, attribute)
        : attribute.Take is not null ? new WrittenText(attribute)
        : null;

    /// <summary>An open one.</summary>
    internal sealed class File : NodeFile
    {
        private readonly AttributeFiles _files;

        internal File(AttributeFiles files, VirtualFile attribute)
        {
            _files = files;
            Store = attribute.Store!;
            Capabilities = attribute.StoreCapabilities;
            Interlocked.Increment(ref files._open);
        }

        /// <summary>Takes what a program writes.</summary>
        public AttributeStore Store { get; }

        /// <summary>The capabilities that a program needs to write.</summary>
        public IReadOnlyList<int> Capabilities { get; }

        public override SysResult Ioctl(ICaller caller, uint command, ulong argument) => Errno.ENOTTY;

        public override void Close() => Interlocked.Decrement(ref _files._open);
    }

    private sealed class Attribute(AttributeFiles files, VirtualFile attribute) : ICarrierChoice
    {
        public string Path => attribute.Path;

        // It is no device, and has no number.
        public uint Major => 0;

        public uint Minor => 0;

        public uint Mode => attribute.Mode;

        public Errno TryCreate(string name, out Carrier? carrier) =>
            Carrier.TryCreate(name, out carrier, takesMessages: true);

        public Errno Open(ICarrier carrier, out NodeFile? file)
        {
            file = new File(files, attribute);
            return Errno.None;
        }
    }
}
