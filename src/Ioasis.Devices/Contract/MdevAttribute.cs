namespace Ioasis.Devices;

/// <summary>
/// An attribute that an mdev's driver adds to its directory in sysfs (Linux: dev_groups of struct device_driver), as
/// <c>vendor/sample_mdev_dev</c> of mtty. It is there while the driver has the mdev. Its functions are called by any
/// thread at any time, and return soon.
/// </summary>
/// <param name="Group">The directory within the mdev's; empty for the mdev's own.</param>
/// <param name="Name">The file's name.</param>
/// <param name="Show">What a program reads, without the newline at the end.</param>
public sealed record MdevAttribute(string Group, string Name, Func<string> Show)
{
    /// <summary>
    /// Takes what a program writes, without a newline at its end; false for EINVAL. Null for an attribute that can only
    /// be read. A text has up to 6 characters: under <c>run</c>, longer ones are refused (EINVAL).
    /// </summary>
    public Func<string, bool>? Store { get; init; }
}
