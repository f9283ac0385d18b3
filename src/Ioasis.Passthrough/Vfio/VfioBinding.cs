using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Objects;
using Ioasis.Iommufd.Sva;

namespace Ioasis.Passthrough.Vfio;

/// <summary>
/// A device that is bound to a context, and what it is attached to: the contract that the three ways to be bound have
/// in common (Linux: bind_iommufd to pasid_detach_ioas of struct vfio_device_ops). The device's lock for bindings is
/// held during each call.
/// </summary>
internal abstract class VfioBinding
{
    private readonly IommufdContext _context;

    /// <summary>Keeps the context until <see cref="Close"/>.</summary>
    protected VfioBinding(IommufdContext context)
    {
        _context = context;
        context.AddReference();
    }

    /// <summary>The device's number in its context.</summary>
    internal abstract uint Id { get; }

    /// <summary>Whether the device can have PASIDs of the program's.</summary>
    internal virtual bool HasPasids => false;

    /// <summary>Attaches the device, or moves it to another page table (Linux: attach_ioas).</summary>
    /// <param name="pageTable">IOAS or HWPT; on success what the device is attached to.</param>
    internal abstract Errno Attach(ref uint pageTable);

    /// <summary>Attaches a PASID, or moves it to another page table (Linux: pasid_attach_ioas).</summary>
    internal virtual Errno Attach(uint pasid, ref uint pageTable) =>
        Errno.EOPNOTSUPP.Because("this device has no PASIDs");

    /// <summary>The device sends a PASID of a /dev/sva from now on.</summary>
    internal virtual Errno Attach(SvaFileContext sva, uint pasid) =>
        Errno.EOPNOTSUPP.Because("this device has no PASIDs");

    /// <summary>Detaches the device; nothing happens if it is not attached (Linux: detach_ioas).</summary>
    internal abstract void Detach();

    /// <summary>Detaches a PASID; nothing happens if it is not attached (Linux: pasid_detach_ioas).</summary>
    internal virtual void Detach(uint pasid)
    {
    }

    /// <summary>Detaches everything, gives the device back and lets the context go (Linux: unbind_iommufd).</summary>
    internal void Close()
    {
        Unbind();
        _context.Release();
    }

    /// <summary>Detaches everything and gives the device back.</summary>
    protected abstract void Unbind();
}
