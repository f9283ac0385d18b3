namespace Ioasis.Client;

/// <summary>
/// A device that can be bound to a context: a <see cref="VfioDevice"/> or a <see cref="VdpaDevice"/>.
/// </summary>
public interface IBoundDevice
{
    /// <summary>The device's ID in the context that it is bound to; 0 without one.</summary>
    uint Id { get; }
}
