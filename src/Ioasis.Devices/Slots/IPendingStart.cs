namespace Ioasis.Devices.Slots;

/// <summary>An engine that has a command and got no thread for it.</summary>
internal interface IPendingStart
{
    /// <summary>Tries again; true when it has a thread, or needs none any more.</summary>
    bool TryBegin();
}
