using Ioasis.Iommufd.Objects;

namespace Ioasis.Iommufd.Sva;

/// <summary>
/// A device that sends a PASID of a <see cref="SvaContext"/>. Whatever page table the PASID gets, it is the device's.
/// Until this is disposed the PASID is not given to anybody else, even when its owner is gone.
/// </summary>
public sealed class SvaRegistration : IDisposable
{
    private readonly SvaContext _context;
    private bool _disposed; // guarded by the context's lock

    internal SvaRegistration(SvaContext context, IommufdDevice device, SvaPasid pasid)
    {
        _context = context;
        Device = device;
        Pasid = pasid;
    }

    internal IommufdDevice Device { get; }

    internal SvaPasid Pasid { get; }

    /// <summary>Detaches the device; its DMA with the PASID is blocked when this returns.</summary>
    public void Dispose() => _context.Remove(this, ref _disposed);
}
