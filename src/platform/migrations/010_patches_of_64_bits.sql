-- Patches have 64 bits, the first half of the 128 that they had, and four bands. Those that were kept with 128 stay, as do those that older
-- workers add until they are replaced; they are looked up and compared by their first half.
alter table reference_patch drop constraint reference_patch_hash_check;
alter table reference_patch add constraint reference_patch_hash_check check (octet_length(hash) in (8, 16));
drop index reference_patch_band_4;
drop index reference_patch_band_5;
drop index reference_patch_band_6;
drop index reference_patch_band_7;

-- A submission's patches of 64 bits, packed as pack-patches.ts says; column `patches` has those of 128, of submissions from before.
alter table submission_fingerprint add column patch_sets bytea not null default '';
