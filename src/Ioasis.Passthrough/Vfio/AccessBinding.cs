using Ioasis.Abi;
using Ioasis.Iommufd.Objects;

namespace Ioasis.Passthrough.Vfio;

/// <summary>
/// An emulated device that is bound: no IOMMU is between it and memory, it reaches an IOAS as software does (Linux:
/// vfio_iommufd_emulated_*). So it is attached to an IOAS, never to a HWPT, and has no PASIDs.
/// </summary>
internal sealed class AccessBinding : VfioBinding
{
    private readonly EmulatedMemory _memory;
    private readonly IommufdAccess _access;
    private bool _attached;

    private AccessBinding(IommufdContext context, EmulatedMemory memory) : base(context)
    {
        _memory = memory;
        _access = IommufdAccess.Create(context, memory);
        memory.Access = _access;
    }

    internal override uint Id => _access.Id;

    /// <summary>Binds an emulated device. That does not fail.</summary>
    /// <param name="context">The context.</param>
    /// <param name="memory">How the device reaches memory while it is bound.</param>
    /// <param name="binding">The binding.</param>
    internal static Errno Bind(IommufdContext context, EmulatedMemory memory, out VfioBinding? binding)
    {
        binding = new AccessBinding(context, memory);
        return Errno.None;
    }

    /// <returns>ENOENT for all that is no IOAS; EADDRINUSE when something mapped there is not aligned to
    /// pages.</returns>
    internal override Errno Attach(ref uint pageTable)
    {
        Errno errno = _attached ? _access.Replace(pageTable) : _access.Attach(pageTable);
        if (errno == Errno.None) _attached = true;
        return errno;
    }

    internal override void Detach()
    {
        if (!_attached) return;
        _access.Detach();
        _attached = false;
    }

    protected override void Unbind()
    {
        Detach();
        _access.Dispose();
        _memory.Access = null;
    }
}
