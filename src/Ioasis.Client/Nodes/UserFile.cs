namespace Ioasis.Client;

/// <summary>A file in memory whose bytes can be mapped for devices (memfd_create(2)).</summary>
public abstract class UserFile : IDisposable
{
    /// <summary>The file descriptor, for ioctls.</summary>
    public abstract int Descriptor { get; }

    /// <summary>
    /// All of its bytes, mapped shared into the process. They stay mapped after the descriptor is closed.
    /// </summary>
    public abstract UserMemory Memory { get; }

    /// <summary>Closes the descriptor and the mapping. Devices' mappings keep the bytes.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the descriptor and the mapping, once.</summary>
    protected abstract void Dispose(bool disposing);
}
