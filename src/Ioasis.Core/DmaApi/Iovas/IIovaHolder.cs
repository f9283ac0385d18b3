namespace Ioasis.Core.DmaApi;

/// <summary>Who keeps allocated I/O addresses for later use.</summary>
internal interface IIovaHolder
{
    /// <summary>Gives back addresses that are not in use; false if there are none.</summary>
    bool GiveBackFree();
}
