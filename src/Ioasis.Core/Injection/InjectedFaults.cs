namespace Ioasis.Core.Injection;

/// <summary>What an <see cref="Injector"/> can make go wrong.</summary>
[Flags]
public enum InjectedFaults
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>A program's call fails with an errno, before it is served. It changes nothing.</summary>
    Call = 1 << 0,

    /// <summary>A device's access is refused as one to an address that is not mapped. It moves nothing.</summary>
    DmaFault = 1 << 1,

    /// <summary>A device's access takes longer.</summary>
    DmaDelay = 1 << 2,

    /// <summary>An interrupt does not arrive.</summary>
    InterruptLost = 1 << 3,

    /// <summary>An interrupt arrives twice.</summary>
    InterruptDoubled = 1 << 4,

    /// <summary>
    /// An invalidation that the owner of a first stage asked for is answered as done, and not done. Nothing else that
    /// takes a translation away is touched: an unmap still waits for the accesses that use it.
    /// </summary>
    InvalidationDropped = 1 << 5,

    /// <summary>An invalidation that the owner of a first stage asked for takes longer.</summary>
    InvalidationSlow = 1 << 6,

    /// <summary>
    /// The queue of page requests is full. The unit drops the request and answers its group Success, so that the device
    /// tries again.
    /// </summary>
    PageRequestOverflow = 1 << 7,

    /// <summary>A device resets itself instead of taking what a driver wrote to a doorbell.</summary>
    DeviceReset = 1 << 8,

    /// <summary>A device is gone for good: its registers read as ones, and it sends nothing.</summary>
    DeviceGone = 1 << 9,

    /// <summary>No PASID is left.</summary>
    PasidExhausted = 1 << 10,
}
