namespace Ioasis.Client;

/// <summary>An object of a context, by its number there.</summary>
public abstract class IommuObject : IDisposable
{
    private bool _destroyed;

    private protected IommuObject(IommuContext context, uint id)
    {
        Context = context;
        Id = id;
    }

    /// <summary>Whose object it is.</summary>
    public IommuContext Context { get; }

    /// <summary>Its number in the context, never 0.</summary>
    public uint Id { get; }

    /// <summary>Destroys it (IOMMU_DESTROY).</summary>
    /// <exception cref="IommuException">Refused: EBUSY while a device or another object uses it. Nothing was changed
    /// then.</exception>
    public void Destroy()
    {
        if (_destroyed) return;
        Context.Destroy(Id);
        _destroyed = true;
    }

    /// <summary>Destroys it if nothing uses it; what stays goes with the context.</summary>
    public void Dispose()
    {
        if (!_destroyed) Context.TryDestroy(Id);
        _destroyed = true;
        GC.SuppressFinalize(this);
    }
}
